export interface CredentialArguments {
  readonly kind: string;
  readonly operation: string;
  readonly login: string | undefined;
  readonly idToken: boolean;
}

/**
 * The arguments of a `credential` as other programs call it, read without commander, which takes longer
 * to load than an answer takes. Null if it is anything else: commander then says what is wrong.
 */
export const parseCredentialArguments = (args: readonly string[]): CredentialArguments | null => {
  const words: string[] = [];
  let login: string | undefined;
  let idToken = false;
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (arg === '--login' && args[at + 1] !== undefined && !args[at + 1]?.startsWith('-')) {
      at += 1;
      login = args[at];
    } else if (arg === '--id-token') {
      idToken = true;
    } else if (/^[a-z]/.test(arg)) {
      words.push(arg);
    } else if (arg !== '--cargo-plugin') {
      return null;
    }
  }
  const [kind, operation = '', ...more] = words;
  return kind === undefined || more.length > 0 ? null : { kind, operation, login, idToken };
};
