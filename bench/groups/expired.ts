import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bench, ROOT } from '../bench.ts';
import { type Case, type CaseKind, kindOf, NODE, prepareCases } from '../case.ts';
import { createHome, type Home, requireLauncher } from '../homes.ts';
import { measure } from '../measure.ts';
import { EXPIRED, EXPIRED_TLS } from '../names.ts';
import { NPM_PEERS, npmCommand, writeCredential } from '../peers/npm.ts';
import { type Provider, startProvider } from '../provider.ts';
import type { Timing } from '../results.ts';
import type { Command } from '../shell-loop.ts';

/** Still fresh when it is printed, and expired when the next process has started. */
export const LIFETIME_S = 0.03;
const NEW_TOKEN = /^[0-9a-f]{40}\n$/;

/** A refresh at a provider that answers at once: what is left is ours. */
export const measureExpired = async (bench: Bench): Promise<Timing[]> => {
  const provider = await startProvider(bench, { latencyMs: 0, lifetime: LIFETIME_S });
  const kinds = [...expiredKinds(provider), ...NPM_PEERS.map((peer) => peerKind(provider, peer))];
  const cases = await prepareCases(bench, [EXPIRED], [...kinds, kindOf(NODE)]);
  return measure(bench, EXPIRED, await bareScript(bench, provider), cases);
};

/** The same over TLS, as from every real provider: whoever refreshes pays for that. */
export const measureExpiredOverTls = async (bench: Bench): Promise<Timing[]> => {
  const directory = bench.directory('disk');
  const certificate = join(directory, 'certificate.pem');
  const key = join(directory, 'key.pem');
  try {
    const subject = ['-subj', '/CN=tokenctl-bench', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-keyout', key, '-out', certificate, '-days', '2'];
    execFileSync('openssl', ['req', '-x509', ...kind, ...subject, ...files], { stdio: 'ignore' });
  } catch {
    bench.miss(EXPIRED_TLS, 'openssl is not installed, or cannot make a certificate');
    return [];
  }
  const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(certificate, 'utf8') };
  const provider = await startProvider(bench, { latencyMs: 0, lifetime: LIFETIME_S, tls });
  // Node.js reads all authorities for the first connection anyway; this has it do so at its start.
  const env = { NODE_EXTRA_CA_CERTS: certificate };
  const trusting = <Some extends { command: Command }>(one: Some): Some => ({
    ...one,
    command: { ...one.command, env: { ...one.command.env, ...env } },
  });
  const kinds = expiredKinds(provider).map((kind) => ({
    ...kind,
    prepare: async (bench: Bench) => trusting(await kind.prepare(bench)),
  }));
  const cases = await prepareCases(bench, [EXPIRED_TLS], [...kinds, kindOf(trusting(NODE))]);
  return measure(bench, EXPIRED_TLS, trusting(await bareScript(bench, provider)), cases);
};

/** Our command, which refreshes each time it is called. */
export const expiredKinds = (provider: Provider): CaseKind[] => [
  {
    name: 'tokenctl get, expired',
    by: 'tokenctl',
    prepare: async (bench) => {
      await requireLauncher();
      const home = await homeAt(bench, provider);
      return { command: home.launched('get', 'work'), expected: NEW_TOKEN };
    },
  },
  {
    name: 'node tokenctl.js get, expired',
    by: 'tokenctl',
    prepare: async (bench) => {
      const home = await homeAt(bench, provider);
      return { command: home.byNode('get', 'work'), expected: NEW_TOKEN };
    },
  },
];

const homeAt = async (bench: Bench, provider: Provider): Promise<Home> => {
  const home = createHome(bench, 'disk');
  await home.import('work', await provider.grant());
  return home;
};

const peerKind = (provider: Provider, peer: (typeof NPM_PEERS)[number]): CaseKind => ({
  name: `${peer} (npm), expired`,
  by: 'peer',
  prepare: async (bench) => {
    const file = await credentialAt(bench, provider);
    return { command: await npmCommand(bench, peer, file), expected: NEW_TOKEN };
  },
});

const bareScript = async (bench: Bench, provider: Provider): Promise<Case> => {
  const script = join(ROOT, 'bench', 'bare-refresh.cjs');
  const argv = [process.execPath, script, await credentialAt(bench, provider)];
  return { name: 'bare Node.js script', by: 'floor', command: { argv }, expected: NEW_TOKEN };
};

const credentialAt = async (bench: Bench, provider: Provider): Promise<string> => {
  const file = join(bench.directory('disk'), 'credential.json');
  await writeCredential(file, await provider.grant(), Date.now());
  return file;
};
