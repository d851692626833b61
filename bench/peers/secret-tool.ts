import type { CaseKind } from '../case.ts';
import { PRINTS_TOKEN, TOKEN } from '../homes.ts';
import { requirePrograms } from './programs.ts';
import { run, startDaemon } from './run.ts';

export const secretTool: CaseKind = {
  name: 'secret-tool',
  by: 'peer',
  prepare: async (bench) => {
    const packages = 'libsecret-tools gnome-keyring dbus';
    await requirePrograms(packages, 'secret-tool', 'gnome-keyring-daemon', 'dbus-daemon');
    const directory = bench.directory('memory');
    const home = { HOME: directory, XDG_RUNTIME_DIR: directory, XDG_DATA_HOME: directory };
    const bus = await startDaemon(
      bench,
      ['dbus-daemon', '--session', '--nofork', '--print-address=1'],
      (said) => said.includes('\n'),
      { env: home },
    );
    const env = { ...home, DBUS_SESSION_BUS_ADDRESS: bus.said.trim() };
    const attribute = ['service', 'tokenctl-bench'] as const;
    const store = () =>
      run(['secret-tool', 'store', '--label=tokenctl-bench', ...attribute], { env, input: TOKEN });
    const keyring = await startDaemon(
      bench,
      ['gnome-keyring-daemon', '--foreground', '--unlock', '--components=secrets'],
      // It never says that it is ready.
      () =>
        store().then(
          () => true,
          () => false,
        ),
      // The password of a keyring that is made for this.
      { env, input: 'bench\n' },
    );
    return {
      command: { argv: ['secret-tool', 'lookup', ...attribute], env },
      expected: PRINTS_TOKEN,
      daemons: [bus.pid, keyring.pid],
      note: 'asks gnome-keyring over D-Bus; no refresh',
    };
  },
};
