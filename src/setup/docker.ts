import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { TokenctlError } from '../errors.ts';
import { withoutBom } from './edit.ts';
import { removeMember, setMember } from './json-edit.ts';
import { isOnPath } from './programs.ts';
import type { AskedHost, Format, Tool, Want } from './tool.ts';

interface DockerWant extends Want {
  /** Under which the program looks the helper up: mostly `host[:port]`. */
  readonly host: string;
}

type Members = Readonly<Record<string, unknown>>;

/** https://docs.docker.com/reference/cli/docker/login/#credential-helpers; others read the same file. */
const format: Format<DockerWant> = {
  encoding: 'utf8',
  parse: (text) => {
    const json = withoutBom(text);
    const data = json.trim() === '' ? {} : parseJson(json);
    if (!isObject(data) || !isObject(data.credHelpers ?? {}) || !isObject(data.auths ?? {})) {
      throw new TokenctlError('refused', 'is not what docker writes', { hint: 'docker info' });
    }
    return data;
  },
  same: isDeepStrictEqual,
  apply: (data, { host }) => {
    const { credHelpers } = data as { credHelpers?: Members };
    return { ...(data as Members), credHelpers: { ...credHelpers, [host]: HELPER } };
  },
  isDone: (data, { host }) => helperOf(data, host) === HELPER,
  edits: (text, { host }) => {
    const edit = setMember(text, ['credHelpers', host], HELPER);
    return edit === null ? [] : [edit];
  },
  remove: (text, { host }, edit) => {
    const { credHelpers } = format.parse(text) as { credHelpers?: Members };
    const isLast = Object.keys(credHelpers ?? {}).length === 1;
    const wasMade = edit?.added.includes('"credHelpers"') ?? false;
    return removeMember(text, isLast && wasMade ? ['credHelpers'] : ['credHelpers', host]);
  },
  isRemoval: (before, after, want) =>
    !format.isDone(format.parse(after), want) &&
    format.same(format.apply(format.parse(after), want), format.parse(before)),
  byHand: ({ host }) => `${JSON.stringify({ credHelpers: { [host]: HELPER } }, null, 2)}\n`,
};

const HELPER = 'tokenctl';

export const docker: Tool<DockerWant> = {
  format,
  newMode: 0o600,
  takesLogin: false,
  usesLockFile: false,
  plan: ({ hosts, replace }, { env, home, read }) => {
    const file = join(env.DOCKER_CONFIG || join(home, '.docker'), 'config.json');
    const data = read(file);
    const notes = isOnPath(`docker-credential-${HELPER}`, env)
      ? []
      : [`docker-credential-${HELPER} is not on PATH, where docker looks for it`];
    const isHub = [HUB, HUB_OF_DOCKER].map((hub) => hosts.some(({ host }) => host === hub));
    if (isHub.includes(true) && isHub.includes(false)) {
      notes.push(
        `of Docker Hub docker asks for ${HUB_OF_DOCKER}, podman and skopeo for ${HUB}; for both: tokenctl hosts NAME add ${HUB} ${HUB_OF_DOCKER}`,
      );
    }
    for (const host of hosts.map(keyOf)) {
      const other = helperOf(data, host);
      if (other !== undefined && other !== HELPER && !(replace && isHelperName(other))) {
        throw new TokenctlError('refused', `another helper answers for ${host} in ${file}`, {
          hint: 'tokenctl setup docker --replace takes its place, and --undo puts it back',
        });
      }
      if (hasPassword(data, host)) {
        notes.push(
          `${file} holds a password for ${host}, which docker does not use any more: docker logout ${host}`,
        );
      }
    }
    return {
      wirings: hosts.map((asked) => {
        const key = keyOf(asked);
        return { file, hosts: [asked.host], want: { slot: key, host: key } };
      }),
      notes,
    };
  },
};

/** One registry, under the name that docker gives it and under that of podman, skopeo and others. */
const HUB_OF_DOCKER = 'index.docker.io';
const HUB = 'docker.io';

/** docker names its own registry by an address, and all others by their host. */
const keyOf = ({ host }: AskedHost): string =>
  host === HUB_OF_DOCKER ? `https://${HUB_OF_DOCKER}/v1/` : host;

const helperOf = (data: unknown, host: string): unknown => {
  const { credHelpers } = data as { credHelpers?: unknown };
  return isObject(credHelpers) && Object.hasOwn(credHelpers, host) ? credHelpers[host] : undefined;
};

const hasPassword = (data: unknown, host: string): boolean => {
  const { auths } = data as { auths?: unknown };
  const entry = isObject(auths) && Object.hasOwn(auths, host) ? auths[host] : undefined;
  return isObject(entry) && ['auth', 'identitytoken', 'password'].some((key) => entry[key]);
};

/** It is kept for the undo; a secret would not be. */
const isHelperName = (helper: unknown): boolean =>
  typeof helper === 'string' && /^[\w.-]{1,64}$/.test(helper);

const parseJson = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch {
    // What it says repeats the source.
    throw new TokenctlError('refused', 'is not JSON', { hint: 'docker cannot read it either' });
  }
};

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
