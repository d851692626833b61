import { credential } from './credential.ts';
import type { CredentialArguments } from './credential-options.ts';
import { runCommand } from './run-command.ts';

/** A `credential` that was read without commander. Calls back when it has refreshed: then all of it has been used. */
export const runPlainCredential = (
  args: readonly string[],
  { kind, operation, login, idToken }: CredentialArguments,
  refreshed: () => void,
): Promise<void> =>
  runCommand(args, async () => {
    if (await credential(kind, operation, { login, idToken })) {
      refreshed();
    }
  });
