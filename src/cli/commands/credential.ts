import { Command, Option } from 'commander';
import { abbreviated, TokenctlError } from '../../errors.ts';
import type { Output, Protocol } from '../../protocols/protocol.ts';
import { protocols } from '../../protocols/protocols.ts';
import { answerRequest, type CredentialOptions } from '../credential-answer.ts';
import { readRequests } from '../credential-input.ts';
import { EXIT_CODES } from '../exit-codes.ts';
import { print } from '../io.ts';
import { useLightFetchTypes } from '../light-fetch.ts';
import { asLine, reportError } from '../report.ts';

export const command = (): Command =>
  new Command('credential')
    .summary('answer git, docker, kubectl and cargo in their own protocols')
    .description(
      'Answer another program that asks for a credential, in its own protocol: for the hosts that a\n' +
        'login is bound to (tokenctl hosts), and no other. Where there is nothing to say it says nothing.',
    )
    .argument('<KIND>', `the protocol: ${Object.keys(protocols).join(', ')}`)
    .argument('[OPERATION]', 'what is asked for; the program adds it (get, store, erase …)', '')
    .option('--login <NAME>', 'only this login may answer')
    .option('--id-token', 'answer with the OpenID Connect id token')
    // As cargo starts what it is to speak its protocol with.
    .addOption(new Option('--cargo-plugin').hideHelp())
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Examples:
  git config --global credential.https://git.example.com.helper '!tokenctl credential git'
  printf 'protocol=https\\nhost=git.example.com\\n\\n' | tokenctl credential git get
  printf registry.example.com:5000 | tokenctl credential docker get
  kubectl config set-credentials me --exec-command=tokenctl --exec-arg=credential \\
    --exec-arg=kubectl --exec-api-version=client.authentication.k8s.io/v1 \\
    --exec-interactive-mode=Never --exec-provide-cluster-info=true`;

const run = async (
  kind: string,
  name: string,
  { login, idToken }: { login?: string; idToken?: true },
): Promise<void> => {
  const protocol = Object.hasOwn(protocols, kind) ? protocols[kind] : undefined;
  if (protocol === undefined) {
    throw new TokenctlError('usage', `there is no protocol '${abbreviated(kind)}'`, {
      hint: `known: ${Object.keys(protocols).join(', ')}`,
    });
  }
  useLightFetchTypes();
  const operation = Object.hasOwn(protocol.operations, name)
    ? protocol.operations[name]
    : undefined;
  if (operation === undefined) {
    return write(protocol.unknown);
  }
  await print(protocol.greeting);
  await orFailure(protocol, async () => {
    for await (const input of readRequests(operation.input)) {
      await orFailure(protocol, async () => {
        const options: CredentialOptions = { login, idToken: idToken ?? false };
        await write(await answerRequest(operation.read(input), options));
      });
    }
  });
};

const write = async ({ stdout, code = 0 }: Output): Promise<void> => {
  if (stdout !== '') {
    await print(stdout);
  }
  process.exitCode = code;
};

/** What goes wrong is said in the protocol's own way, and else on stderr, with our own exit code. */
const orFailure = async (protocol: Protocol, action: () => Promise<void>): Promise<void> => {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof TokenctlError)) {
      throw error;
    }
    const output = protocol.failed({ code: error.code, message: asLine(error) });
    await write({ code: EXIT_CODES[error.code], ...output });
    if (output.stdout === '') {
      reportError(error, false);
    }
  }
};
