import { Command, Option } from 'commander';
import { protocols } from '../../protocols/protocols.ts';
import { credential } from '../credential.ts';

export const command = (): Command =>
  new Command('credential')
    .summary('answer git, docker, kubectl and cargo in their own protocols')
    .description(
      'Answer another program that asks for a credential, in its own protocol: for the hosts that a ' +
        'login is bound to (tokenctl hosts), and no other. Where there is nothing to say it says nothing. ' +
        'tokenctl setup makes the programs ask.',
    )
    .argument('<KIND>', `the protocol: ${Object.keys(protocols).join(', ')}`)
    .argument('[OPERATION]', 'what is asked for; the program adds it (get, store, erase …)')
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
  operation: string | undefined,
  { login, idToken }: { login?: string; idToken?: true },
): Promise<void> => {
  await credential(kind, operation ?? '', { login, idToken: idToken ?? false });
};
