import { TokenctlError } from '../errors.ts';

/** Reads YAML into plain values. */
export type ParseYaml = (text: string) => unknown;

/**
 * The YAML that a program writes which keeps only names and values: nested mappings of plain or quoted
 * scalars. Whatever else YAML has is refused, not guessed at.
 *
 * @throws {TokenctlError} `usage`, with the line and nothing of what stands in it
 */
export const parseMappings: ParseYaml = (text) => {
  const root: Mapping = new Map();
  const open: { indent: number; mapping: Mapping }[] = [];
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    if (/^\s*(#.*)?$/.test(line) || (index === 0 && /^---\s*$/.test(line))) {
      continue;
    }
    const fail = (why: string): never => {
      throw new TokenctlError('usage', `line ${index + 1}: ${why}`);
    };
    const [, spaces = '', rest = ''] = /^( *)(.*)$/.exec(line) ?? [];
    const indent = spaces.length;
    while (open.length > 0 && indent < (open.at(-1)?.indent ?? 0)) {
      open.pop();
    }
    const current = open.at(-1);
    const level = current?.indent ?? 0;
    if (indent !== level) {
      fail('this indentation is not understood');
    }
    const [, quoted, plain, value = ''] = PAIR.exec(rest) ?? fail('this YAML is not understood');
    const key = quoted === undefined ? (plain ?? '') : scalar(quoted, fail);
    const mapping = current?.mapping ?? root;
    if (typeof key !== 'string' || mapping.has(key)) {
      fail('this key is not understood, or is there twice');
    }
    const below = nextIndent(lines, index);
    if (withoutComment(value) === '' && below > indent) {
      const nested: Mapping = new Map();
      mapping.set(String(key), nested);
      open.push({ indent: below, mapping: nested });
    } else {
      mapping.set(String(key), scalar(value, fail));
    }
  }
  return toObject(root);
};

type Mapping = Map<string, unknown>;

/** A quoted or plain key, a colon, and the rest. */
const PAIR = /^(?:("(?:[^"\\]|\\.)*"|'(?:[^']|'')*')|([A-Za-z0-9_][^\s:#'"]*))\s*:(?:\s+(.*)|\s*)$/;

const nextIndent = (lines: readonly string[], index: number): number => {
  const next = lines.slice(index + 1, index + 1 + 1_000).find((line) => !/^\s*(#.*)?$/.test(line));
  return next === undefined ? -1 : (/^ */.exec(next)?.[0].length ?? -1);
};

const withoutComment = (text: string): string => text.replace(/(^|\s)#.*$/, '').trim();

const scalar = (text: string, fail: (why: string) => never): unknown => {
  const trimmed = text.trim();
  const [, single, double] =
    /^(?:'((?:[^']|'')*)'|("(?:[^"\\]|\\.)*"))\s*(?:#.*)?$/.exec(trimmed) ?? [];
  if (single !== undefined) {
    return single.replaceAll("''", "'");
  }
  if (double !== undefined) {
    try {
      return JSON.parse(double);
    } catch {
      return fail('this quoted text is not understood');
    }
  }
  const plain = withoutComment(trimmed);
  if (plain === '' || plain === '~' || plain === 'null') {
    return null;
  }
  if (plain === '{}') {
    return {};
  }
  // Lists, anchors, tags, blocks, directives: none of them is written where this is read.
  return /^[-?:,[\]{}&*!|>'"%@`]|: |:$/.test(plain) ? fail('this YAML is not understood') : plain;
};

/** Without a prototype's members: a key may be called `__proto__`. */
const toObject = (mapping: Mapping): unknown =>
  Object.fromEntries(
    [...mapping].map(([key, value]) => [key, value instanceof Map ? toObject(value) : value]),
  );
