import {
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { type Edit, eolOf, lineBefore, lineBreakAfter, nextLine } from './edit.ts';
import { type ContextWant, HEADER, type UserWant, userOf } from './kubeconfig-want.ts';

/** With merge keys (`<<`), which kubectl knows: what a context has by one is not missing. */
export const parseKubeconfig = (text: string) =>
  parseDocument(text, { logLevel: 'error', merge: true });

/** Where in the text of a kubeconfig something is put, or taken out. Who calls checks what came of it. */
export const userEdits = (text: string, want: UserWant): Edit[] => {
  const users = rootOf(text)?.items.find((pair) => keyOf(pair) === 'users');
  const eol = eolOf(text);
  const root = rootOf(text);
  if (root?.flow) {
    const [start] = rangeOf(root);
    const item = JSON.stringify(userOf(want));
    if (users === undefined) {
      const header = JSON.stringify(HEADER).slice(1, -1);
      const [before, after] = root.items.length > 0 ? ['', ', '] : [`${header}, `, ''];
      return [{ offset: start + 1, removed: '', added: `${before}"users": [${item}]${after}` }];
    }
    return isSeq(users.value)
      ? appendFlow(users.value, item)
      : [afterColon(text, users, ` [${item}]`)];
  }
  if (users === undefined) {
    const header = root === null ? `${lines(HEADER_LINES, '', eol)}` : '';
    const added = `${lineBreakAfter(text)}${header}users:${eol}${itemOf(want, '', eol)}`;
    return [{ offset: text.length, removed: '', added }];
  }
  const { value } = users;
  if (isSeq(value) && value.items.length > 0) {
    return value.flow
      ? appendFlow(value, JSON.stringify(userOf(want)))
      : appendBlock(text, value as YAMLSeq<Node>, want);
  }
  return [afterColon(text, users, `${eol}${itemOf(want, '', eol)}`.slice(0, -eol.length))];
};

/** In the place of a value that is nothing. */
const afterColon = (text: string, { key, value }: Pair, added: string): Edit => {
  const offset = text.indexOf(':', rangeOf(key as Node)[1]) + 1;
  const end = Math.max(offset, rangeOf(value as Node)[1]);
  return { offset, removed: text.slice(offset, end), added };
};

export const contextEdits = (text: string, { name, user }: ContextWant): Edit[] => {
  const context = contextOf(text, name);
  if (context === null) {
    return [];
  }
  const there = context.items.find((pair) => keyOf(pair) === 'user');
  if (there !== undefined) {
    const [offset, keyEnd] = rangeOf(there.key as Node);
    const end = Math.max(text.indexOf(':', keyEnd) + 1, rangeOf(there.value as Node)[1]);
    const key = text.slice(offset, keyEnd);
    return [{ offset, removed: text.slice(offset, end), added: `${key}: ${scalar(user)}` }];
  }
  if (context.flow) {
    const added = `"user": ${JSON.stringify(user)}${context.items.length > 0 ? ', ' : ''}`;
    return [{ offset: rangeOf(context)[0] + 1, removed: '', added }];
  }
  const last = context.items.at(-1);
  const first = context.items[0];
  if (last === undefined || first === undefined) {
    return [];
  }
  const indent = lineBefore(text, rangeOf(first.key as Node)[0]).replace(/\S/g, ' ');
  return [lineAfter(text, rangeOf(last.value as Node)[1], `${indent}user: ${scalar(user)}`)];
};

/** A whole item of a block list; of the last one, what stood for an empty list before. */
export const removeUser = (text: string, name: string, before = ''): Edit | null => {
  const users = rootOf(text)?.items.find((pair) => keyOf(pair) === 'users');
  const list = users?.value;
  if (users === undefined || !isSeq(list) || list.flow) {
    return null;
  }
  const at = list.items.findIndex((item) => isMap(item) && item.get('name') === name);
  const item = list.items[at] as Node | undefined;
  if (item === undefined) {
    return null;
  }
  const end = endOfLines(text, rangeOf(item)[1]);
  if (list.items.length === 1) {
    const offset = text.indexOf(':', rangeOf(users.key as Node)[1]) + 1;
    return {
      offset,
      removed: text.slice(offset, end),
      added: `${before.trim() === '' ? ' []' : before}${eolOf(text)}`,
    };
  }
  const start = rangeOf(item)[0] - lineBefore(text, rangeOf(item)[0]).length;
  return { offset: start, removed: text.slice(start, end), added: '' };
};

/** Back to the user of before. */
export const removeContextUser = (
  text: string,
  { name, user, previous }: ContextWant,
): Edit | null => {
  const pair = contextOf(text, name)?.items.find((one) => keyOf(one) === 'user');
  if (pair === undefined || !isScalar(pair.value) || pair.value.value !== user) {
    return null;
  }
  const [offset] = rangeOf(pair.key as Node);
  const [start, end] = rangeOf(pair.value);
  if (previous !== null) {
    return { offset: start, removed: text.slice(start, end), added: scalar(previous) };
  }
  const before = lineBefore(text, offset);
  const from = offset - before.length;
  const to = nextLine(text, end);
  return before.trim() === '' ? { offset: from, removed: text.slice(from, to), added: '' } : null;
};

const HEADER_LINES = Object.entries(HEADER).map(([key, value]) => `${key}: ${value}`);

const itemOf = (want: UserWant, indent: string, eol: string): string => {
  const { name, user } = userOf(want);
  const { apiVersion, args, command, interactiveMode } = user.exec;
  return lines(
    [
      `- name: ${scalar(name)}`,
      '  user:',
      '    exec:',
      `      apiVersion: ${apiVersion}`,
      '      args:',
      ...args.map((arg) => `      - ${scalar(arg)}`),
      `      command: ${scalar(command)}`,
      ...(interactiveMode === undefined ? [] : [`      interactiveMode: ${interactiveMode}`]),
      '      provideClusterInfo: true',
    ],
    indent,
    eol,
  );
};

const lines = (all: readonly string[], indent: string, eol: string): string =>
  all.map((line) => `${indent}${line}${eol}`).join('');

/** Plain where every version of YAML reads it as text. */
export const scalar = (text: string): string =>
  /^(?:--)?[A-Za-z][\w./-]*$/.test(text) && !/^(?:true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);

const appendBlock = (text: string, list: YAMLSeq<Node>, want: UserWant): Edit[] => {
  const [first, last] = [list.items[0], list.items.at(-1)];
  if (first === undefined || last === undefined) {
    return [];
  }
  const [, indent] = /^([ \t]*)-/.exec(lineBefore(text, rangeOf(first)[0])) ?? [];
  if (indent === undefined) {
    return [];
  }
  const offset = endOfLines(text, rangeOf(last)[1]);
  const eol = eolOf(text);
  const item = itemOf(want, indent, eol);
  const isOpen = !text.slice(0, offset).endsWith('\n');
  return [{ offset, removed: '', added: isOpen ? `${eol}${item}` : item }];
};

const appendFlow = (list: unknown, item: string): Edit[] => {
  if (!isSeq(list) || !list.flow) {
    return [];
  }
  const last = list.items.at(-1) as Node | undefined;
  return last === undefined
    ? [{ offset: rangeOf(list)[0] + 1, removed: '', added: item }]
    : [{ offset: rangeOf(last)[1], removed: '', added: `, ${item}` }];
};

const lineAfter = (text: string, end: number, line: string): Edit => {
  const offset = endOfLines(text, end);
  const eol = eolOf(text);
  const isOpen = !text.slice(0, offset).endsWith('\n');
  return { offset, removed: '', added: isOpen ? `${eol}${line}` : `${line}${eol}` };
};

/** A block's range ends after its last line, a scalar's within it. */
const endOfLines = (text: string, end: number): number =>
  text[end - 1] === '\n' ? end : nextLine(text, end);

const rootOf = (text: string): YAMLMap | null => {
  const { contents } = parseKubeconfig(text);
  return isMap(contents) ? contents : null;
};

const contextOf = (text: string, name: string): YAMLMap | null => {
  const contexts = rootOf(text)?.get('contexts');
  const items = isSeq(contexts) ? contexts.items : [];
  const item = items.find((one) => isMap(one) && one.get('name') === name);
  const context = isMap(item) ? item.get('context') : null;
  return isMap(context) ? context : null;
};

const keyOf = ({ key }: Pair): unknown => (isScalar(key) ? key.value : null);

const rangeOf = (node: Node | null): [number, number] => {
  const range = node?.range;
  return range == null ? [0, 0] : [range[0], range[1]];
};
