import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { TokenctlError } from '../errors.ts';
import { isAt } from './address.ts';
import { type Cluster, type Context, format, isTokenctl, listOf } from './kubeconfig.ts';
import type { KubectlWant } from './kubeconfig-want.ts';
import { commandFor, shellWord } from './programs.ts';
import type { Asked, Surroundings, Tool, Wiring } from './tool.ts';

/**
 * A user that asks tokenctl, and the contexts of the clusters at these hosts that have no user yet. One user
 * does for all of them: kubectl tells for which cluster it asks.
 */
export const kubectl: Tool<KubectlWant> = {
  format,
  newMode: 0o600,
  takesLogin: true,
  usesLockFile: true,
  plan: (asked, surroundings) => {
    const files = kubeconfigs(surroundings);
    const held = files.map((file) => ({
      file,
      data: surroundings.read(file),
    }));
    const clusters = held.flatMap(({ data }) => listOf<Cluster>(data, 'clusters'));
    const hosts = hostsOf(asked, clusters);
    if (asked.user === '') {
      throw new TokenctlError('usage', '--user is empty', { hint: '--user NAME' });
    }
    const name = asked.user ?? asked.login ?? 'tokenctl';
    const user = held.find(({ data }) => listOf(data, 'users').some((one) => one.name === name));
    if (user !== undefined && !isTokenctl(user.data, name)) {
      throw new TokenctlError('refused', `there is another user of that name in ${user.file}`, {
        hint: 'tokenctl setup kubectl --user NAME',
      });
    }
    const file = user?.file ?? files.find((path) => existsSync(path)) ?? files.at(-1) ?? '';
    const only = asked.login === undefined ? [] : ['--login', asked.login];
    const want: KubectlWant = {
      slot: `user ${name}`,
      kind: 'user',
      name,
      apiVersion: apiVersion(surroundings),
      command: commandFor('tokenctl', surroundings),
      args: ['credential', 'kubectl', ...only],
    };
    const notes: string[] = [];
    const contexts = hosts.flatMap((host) => {
      const ours = clusters.filter(({ cluster }) => isAt(host, cluster?.server));
      const names = ours.map((one) => one.name);
      notes.push(...ours.filter(isPlain).map(({ name: cluster }) => nothingSentTo(cluster)));
      return contextsFor(names, host, name, held, asked.replace, notes);
    });
    return { wirings: [{ file, hosts, want }, ...contexts], notes };
  },
};

const isPlain = ({ cluster }: Cluster): boolean => /^http:/i.test(String(cluster?.server));

/** https://github.com/kubernetes/client-go/blob/master/tools/clientcmd/client_config.go */
const nothingSentTo = (cluster: string): string =>
  `the cluster ${cluster} is at an http address, and kubectl sends credentials over https only`;

/** Those of a cluster; and whatever is named, for its cluster may come later. */
const hostsOf = ({ hosts, isNamed }: Asked, clusters: readonly Cluster[]): string[] => {
  const found = hosts
    .map(({ host }) => host)
    .filter((host) => isNamed || clusters.some(({ cluster }) => isAt(host, cluster?.server)));
  if (found.length === 0) {
    throw new TokenctlError(
      'refused',
      'no cluster of the kubeconfig is at a host that a login is bound to',
      { hint: 'tokenctl hosts NAME add HOST:PORT, or name the host: --host HOST:PORT' },
    );
  }
  return found;
};

const contextsFor = (
  clusters: readonly string[],
  host: string,
  user: string,
  held: readonly { file: string; data: unknown }[],
  replace: boolean,
  notes: string[],
): Wiring<KubectlWant>[] => {
  const wirings: Wiring<KubectlWant>[] = [];
  let isUsed = false;
  for (const { file, data } of held) {
    for (const { name, context } of listOf<Context>(data, 'contexts')) {
      if (!clusters.includes(context?.cluster ?? '')) {
        continue;
      }
      const previous = context?.user ?? null;
      if (!previous || previous === user || replace) {
        isUsed = true;
        const slot = `context ${name}`;
        wirings.push({
          file,
          hosts: [host],
          want: { slot, kind: 'context', name, user, previous },
        });
      } else {
        notes.push(`the context ${name} has a user already; --replace gives it ${user}`);
      }
    }
  }
  if (!isUsed) {
    // To be pasted into a shell; and a kubeconfig often comes from somebody else.
    const cluster = clusters[0] ?? 'CLUSTER';
    const [context, of, as] = [cluster, `--cluster=${cluster}`, `--user=${user}`].map(shellWord);
    notes.push(`no context uses it yet: kubectl config set-context ${context} ${of} ${as}`);
  }
  return wirings;
};

/** https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/ */
const kubeconfigs = ({ env, home }: Surroundings): string[] => {
  const listed = (env.KUBECONFIG ?? '').split(delimiter).filter((path) => path !== '');
  return listed.length > 0
    ? [...new Set(listed.map((path) => resolve(path)))]
    : [join(home, '.kube', 'config')];
};

/** 1.22 brought v1; 1.20 the cluster info, without which nobody knows where the token goes. */
const apiVersion = ({ env }: Surroundings): string => {
  const { stdout } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], {
    env: { ...env, KUBECONFIG: '/dev/null' },
    // Not what a relative part of PATH finds around us.
    cwd: '/',
    encoding: 'utf8',
    timeout: 10_000,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [, minor] = /"gitVersion":\s*"v1\.(\d+)/.exec(stdout ?? '') ?? [];
  if (minor !== undefined && Number(minor) < 20) {
    throw new TokenctlError(
      'refused',
      `kubectl 1.${minor} does not say for which cluster it asks`,
      {
        hint: 'install kubectl 1.20 or later',
      },
    );
  }
  const version = minor !== undefined && Number(minor) < 22 ? 'v1beta1' : 'v1';
  return `client.authentication.k8s.io/${version}`;
};
