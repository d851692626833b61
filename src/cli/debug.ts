import { abbreviated, printable } from '../errors.ts';
import type { Store } from '../store/store.ts';
import type { Details, Loggable, Trace } from '../trace.ts';
import { tracedStore } from '../traced-store.ts';
import { say } from './io.ts';
import { observeLogins } from './manager.ts';

/**
 * Debug mode: one line on stderr for each step, with the process id, because several processes
 * often share a terminal, and the milliseconds since this one started. Loaded only when it is on.
 */
export const startDebugging = (version: string, command: string): void => {
  const { platform, version: node } = process;
  // The command's name and not its arguments: a token may have strayed among those.
  tell(null, 'tokenctl', { version, command, node, platform });
  observeLogins(observed);
  process.on('exit', (code) => tell(null, 'exit', { code: Number(code) }));
};

const observed = (store: Store): { store: Store; trace: Trace } => {
  const trace: Trace = (step, details) => tell(store.login, step, details);
  return { store: tracedStore(store, trace), trace };
};

const tell = (login: string | null, step: string, details: Details = {}): void => {
  const since = `${process.pid} +${Math.round(performance.now())}ms`;
  const about = login === null ? '' : ` ${abbreviated(login)}:`;
  const said = Object.entries(details).map(([name, value]) => ` ${name}=${shown(value)}`);
  say(`tokenctl: debug: ${since}${about} ${printable(step)}${said.join('')}\n`);
};

const shown = (value: Loggable): string =>
  typeof value === 'string' && !/^[\w.:/-]+$/.test(value)
    ? JSON.stringify(printable(value, 400))
    : String(value);
