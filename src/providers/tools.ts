import { join } from 'node:path';
import { expandProvider, isComplete } from './expand.ts';
import { type Provider, providers } from './providers.ts';

/** Another program that keeps logins in a file which `tokenctl import --from` can read. */
export interface Tool {
  /** What the file is, for people. */
  readonly what: string;
  /** Where it is if nobody says otherwise; null: it has no place of its own. */
  readonly place: (env: NodeJS.ProcessEnv, home: string) => string | null;
  /** That is a directory, with a file for each login. */
  readonly isDirectory?: true;
  /** Whose they are, as far as the file does not say. */
  readonly members: (found: Whose) => Readonly<Record<string, unknown>>;
  /** How to make that program forget, without ending the login for both. */
  readonly retire: (found: Whose, file: string) => string;
  readonly documentation: string;
}

export interface Whose {
  readonly account: string | null;
  readonly host: string | null;
  /** Of the provider's: a tenant, a region. */
  readonly variables: Readonly<Record<string, string>>;
}

export const tools = {
  gh: {
    what: 'hosts.yml of the GitHub CLI',
    place: (env, home) =>
      join(
        env.GH_CONFIG_DIR ?? join(env.XDG_CONFIG_HOME ?? join(home, '.config'), 'gh'),
        'hosts.yml',
      ),
    members: ({ host }) => ({ ...ofHost(host), client_id: '178c6fc778ccc68e1d6a' }),
    retire: ({ host, account }) =>
      `gh auth logout --hostname ${host}${account === null ? '' : ` --user ${account}`}`,
    documentation: 'https://cli.github.com/manual/gh_auth_logout',
  },
  adc: {
    what: 'application default credentials of Google Cloud',
    place: (env, home) =>
      join(
        env.CLOUDSDK_CONFIG ?? join(home, '.config', 'gcloud'),
        'application_default_credentials.json',
      ),
    members: () => ({ provider: 'google' }),
    retire: (_, file) =>
      `rm '${file}' (not: gcloud auth application-default revoke, which ends the login for both)`,
    documentation: 'https://cloud.google.com/docs/authentication/application-default-credentials',
  },
  'oauth2-token': {
    what: 'a token as JSON: a token response, Go’s oauth2.Token, a session of oauth2-proxy',
    place: () => null,
    members: () => ({}),
    retire: (_, file) => `stop the program that uses it, and remove '${file}'`,
    documentation: 'https://pkg.go.dev/golang.org/x/oauth2#Token',
  },
  msal: {
    what: 'the token cache of MSAL, as the Azure CLI keeps it',
    place: (env, home) =>
      join(env.AZURE_CONFIG_DIR ?? join(home, '.azure'), 'msal_token_cache.json'),
    members: ({ host, variables }) =>
      host === null || OWN_CLOUD.includes(host)
        ? { provider: 'microsoft' }
        : {
            provider: 'microsoft',
            token_endpoint: `https://${host}/${variables.tenant ?? 'common'}/oauth2/v2.0/token`,
          },
    retire: ({ account }) => `az logout${account === null ? '' : ` --username ${account}`}`,
    documentation: 'https://learn.microsoft.com/cli/azure/msal-based-azure-cli',
  },
  'aws-sso': {
    what: 'the SSO cache of the AWS CLI',
    place: (_, home) => join(home, '.aws', 'sso', 'cache'),
    isDirectory: true,
    members: ({ host, variables }) =>
      variables.region === undefined
        ? host === null
          ? {}
          : { hosts: [host] }
        : { provider: 'iam-identity-center' },
    retire: (_, file) => `rm '${file}' (not: aws sso logout, which ends the session for both)`,
    documentation: 'https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sso.html',
  },
  'git-credentials': {
    what: 'lines of git-credential-store',
    place: (_, home) => join(home, '.git-credentials'),
    members: ({ host }) => ofHost(host),
    retire: ({ host, account }, file) =>
      `printf 'protocol=https\\nhost=${host}\\n${account === null ? '' : `username=${account}\\n`}\\n' | git credential-store --file '${file}' erase`,
    documentation: 'https://git-scm.com/docs/git-credential-store',
  },
} satisfies Record<string, Tool>;

export type ToolName = keyof typeof tools;

/** MSAL calls the public cloud by either name. */
const OWN_CLOUD = ['login.microsoftonline.com', 'login.windows.net', 'sts.windows.net'];

/** The provider whose tokens go to this host, else the host itself. */
const ofHost = (host: string | null): Readonly<Record<string, unknown>> => {
  if (host === null) {
    return {};
  }
  const [name] =
    Object.entries<Provider>(providers).find(
      ([, provider]) => isComplete(provider, {}) && expandProvider(provider).hosts.includes(host),
    ) ?? [];
  return name === undefined ? { hosts: [host] } : { provider: name };
};
