import { isDeepStrictEqual } from 'node:util';
import type { Document } from 'yaml';
import { TokenctlError } from '../errors.ts';
import {
  contextEdits,
  parseKubeconfig,
  removeContextUser,
  removeUser,
  scalar,
  userEdits,
} from './kubeconfig-edit.ts';
import {
  type ContextWant,
  HEADER,
  type KubectlWant,
  type UserWant,
  userOf,
} from './kubeconfig-want.ts';
import type { Format } from './tool.ts';

export interface Named {
  readonly name: string;
}
export interface Cluster extends Named {
  readonly cluster?: { readonly server?: unknown };
}
export interface Context extends Named {
  readonly context?: { readonly cluster?: string; readonly user?: string };
}
interface User extends Named {
  readonly user?: { readonly exec?: Readonly<Record<string, unknown>> };
}

type Members = Readonly<Record<string, unknown>>;

/** `kubectl config` writes the whole file anew, without comments. So it is changed as a text. */
export const format: Format<KubectlWant> = {
  encoding: 'utf8',
  parse: (text) => {
    if (OTHER_LINE_ENDS.test(text)) {
      throw new TokenctlError('refused', 'has line ends other than LF and CRLF', {
        hint: 'kubectl config view --raw shows what kubectl makes of it',
      });
    }
    const document = parseKubeconfig(text);
    const [error] = document.errors;
    if (error !== undefined) {
      // Its message repeats the source.
      const line = error.linePos?.[0].line ?? 1;
      throw new TokenctlError('refused', `is not YAML (line ${line})`, {
        hint: 'kubectl config view',
      });
    }
    const data = dataOf(document) ?? {};
    if (!isMembers(data) || LISTS.some((list) => !isNamedList(data[list] ?? []))) {
      throw new TokenctlError('refused', 'is no kubeconfig', { hint: 'kubectl config view' });
    }
    return data;
  },
  same: isDeepStrictEqual,
  apply: (data, want) => {
    const made = Object.keys(data as Members).length === 0 ? HEADER : {};
    if (want.kind === 'user' && listOf(data, 'users').some(({ name }) => name === want.name)) {
      // kubectl reads no file with two of one name.
      throw new TokenctlError('refused', `there is a user ${want.name} that setup did not write`, {
        hint: 'tokenctl setup kubectl --user NAME',
      });
    }
    return want.kind === 'user'
      ? { ...(data as Members), ...made, users: [...listOf(data, 'users'), userOf(want)] }
      : { ...(data as Members), contexts: listOf<Context>(data, 'contexts').map(withUser(want)) };
  },
  isDone: (data, want) => {
    if (want.kind === 'context') {
      const context = listOf<Context>(data, 'contexts').find(({ name }) => name === want.name);
      return context?.context?.user === want.user;
    }
    const exec = execOf(data, want.name);
    // kubectl adds members of its own when it writes the file anew.
    return Object.entries(userOf(want).user.exec).every(([key, value]) =>
      isDeepStrictEqual(exec?.[key], value),
    );
  },
  edits: (text, want) => (want.kind === 'user' ? userEdits(text, want) : contextEdits(text, want)),
  remove: (text, want, edit) => {
    if (!format.isDone(format.parse(text), want)) {
      return null;
    }
    if (want.kind === 'context') {
      return removeContextUser(text, want);
    }
    return isOnlyOurs(format.parse(text), want) ? removeUser(text, want.name, edit?.removed) : null;
  },
  isRemoval: (before, after, want) =>
    isDeepStrictEqual(without(format.parse(after), want), without(format.parse(before), want)) &&
    !format.isDone(format.parse(after), want),
  byHand: (want) =>
    want.kind === 'user'
      ? (userEdits('', want)[0]?.added ?? '')
      : `contexts:\n- name: ${scalar(want.name)}\n  context:\n    user: ${scalar(want.user)}\n`,
};

/** They end a line, and so a comment, for kubectl, and not for our parser: https://yaml.org/spec/1.1/#b-char */
const OTHER_LINE_ENDS = /\r(?!\n)|[\u0085\u2028\u2029]/;

const dataOf = (document: Document): unknown => {
  try {
    return document.toJS({ maxAliasCount: 10 });
  } catch {
    // An alias without an anchor, or too many.
    throw new TokenctlError('refused', 'refers to what is not there', {
      hint: 'kubectl config view',
    });
  }
};

const LISTS = ['users', 'contexts', 'clusters'] as const;

export const listOf = <T extends Named = Named>(
  data: unknown,
  list: (typeof LISTS)[number],
): readonly T[] => ((data as Members)[list] ?? []) as readonly T[];

export const isTokenctl = (data: unknown, name: string): boolean => {
  const { args } = execOf(data, name) ?? {};
  return Array.isArray(args) && args[0] === 'credential' && args[1] === 'kubectl';
};

const withUser =
  ({ name, user }: ContextWant) =>
  (one: Context): Context =>
    one.name === name ? { ...one, context: { ...one.context, user } } : one;

/** All else, whatever kubectl has made of ours. */
const without = (data: unknown, want: KubectlWant): unknown =>
  want.kind === 'user'
    ? {
        ...(data as Members),
        users: listOf(data, 'users').filter(({ name }) => name !== want.name),
      }
    : {
        ...(data as Members),
        contexts: listOf<Context>(data, 'contexts').map((one) => {
          const { user: _, ...rest } = one.context ?? {};
          return one.name === want.name ? { ...one, context: rest } : one;
        }),
      };

const execOf = (data: unknown, name: string): Members | undefined =>
  listOf<User>(data, 'users').find((user) => user.name === name)?.user?.exec;

/** Nobody has put anything else into it, as a token; what kubectl adds to it says nothing. */
const isOnlyOurs = (data: unknown, want: UserWant): boolean => {
  const found = listOf<User>(data, 'users').find(({ name }) => name === want.name);
  const { env = null, interactiveMode: _, ...exec } = found?.user?.exec ?? {};
  const { name, user } = userOf(want);
  const { interactiveMode: __, ...ours } = user.exec;
  const isAlone = isDeepStrictEqual(
    { ...found, user: { ...found?.user, exec } },
    { name, user: { exec: ours } },
  );
  return isAlone && env === null;
};

const isNamedList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((one) => isMembers(one) && typeof one.name === 'string');

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
