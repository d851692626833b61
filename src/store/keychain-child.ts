import { createInterface } from 'node:readline';
import type * as Keytar from 'keytar';
import { printable } from '../errors.ts';
import { ANSWER, type KeychainOutcome, type KeychainRequest } from './keychain-protocol.ts';

/**
 * The keychain, in a process of its own (`dist/keychain.cjs`): a native call that blocks cannot be
 * timed out from inside, and would keep its process from exiting; and one that crashes takes its
 * process along (keytar's findCredentials does, on a locked GNOME keyring). Requests come as lines of
 * JSON on stdin, answers go to stdout; nothing secret is ever in argv or the environment.
 */
const serve = (): void => {
  let running = Promise.resolve();
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      running = running.then(async () => {
        const outcome = await perform(JSON.parse(line) as KeychainRequest);
        process.stdout.write(`${ANSWER}${JSON.stringify(outcome)}\n`);
      });
    })
    // Whoever asked has ended. What was begun is finished, within reason.
    .on('close', () => {
      setTimeout(end, LAST_CALL_MS);
      void running.finally(end);
    });
  process.stdout.on('error', () => {});
};

const LAST_CALL_MS = 5_000;

/** Not process.exit: that waits for a native call that hangs. */
const end = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

const SERVICE = 'tokenctl';
/** Put there and removed again, to find out whether the keychain is locked. */
const PROBE = 'tokenctl: is it locked?';

const perform = async ({ op, slot, text }: KeychainRequest): Promise<KeychainOutcome> => {
  let keytar: typeof Keytar;
  try {
    const loaded = await import('keytar');
    keytar = 'default' in loaded ? (loaded.default as typeof Keytar) : loaded;
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'MODULE_NOT_FOUND';
    const what = missing ? 'the package keytar is not installed' : 'keytar does not load';
    return { kind: 'absent', what: `${what}: ${reasonOf(error)}` };
  }
  try {
    switch (op) {
      case 'read': {
        const value = await keytar.getPassword(SERVICE, slot);
        return value === null ? await notFound(keytar) : { kind: 'ok', value };
      }
      case 'write':
        await keytar.setPassword(SERVICE, slot, text ?? '');
        return { kind: 'ok', value: '' };
      case 'remove':
        return (await keytar.deletePassword(SERVICE, slot))
          ? { kind: 'ok', value: '' }
          : await notFound(keytar);
    }
  } catch (error) {
    return failed(reasonOf(error));
  }
};

/** libsecret does not tell a locked collection from an absent item, save when something is written. */
const notFound = async (keytar: typeof Keytar): Promise<KeychainOutcome> => {
  if (process.platform === 'linux') {
    await keytar.setPassword(SERVICE, PROBE, '-');
    await keytar.deletePassword(SERVICE, PROBE);
  }
  return { kind: 'missing' };
};

const reasonOf = (error: unknown): string =>
  printable(error instanceof Error ? (error.message.split('\n')[0] ?? '') : 'unknown error');

/** keytar passes on what the platform says, in words and without a code. */
const failed = (what: string): KeychainOutcome => {
  const [, kind] = REASONS.find(([pattern]) => pattern.test(what)) ?? [];
  return { kind: kind ?? 'denied', what };
};

const REASONS: readonly [RegExp, 'absent' | 'locked' | 'slow'][] = [
  // GNOME keyring and other secret services; macOS without a screen (errSecInteractionNotAllowed).
  [/\blocked\b|interaction is not allowed/i, 'locked'],
  [/time.?out|did not receive a reply/i, 'slow'],
  [
    /d-?bus|autolaunch|could not connect|connection (is|was) closed|disconnected|not provided|no such (interface|object)|secret service/i,
    'absent',
  ],
];

serve();
