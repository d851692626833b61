import { findNodeAtLocation, modify, type Node, parseTree } from 'jsonc-parser';
import { BOM, type Edit, eolOf, lineBefore, withoutBom } from './edit.ts';

/**
 * Sets a member of a JSON document in its own style: line ends, indentation, or all in one line. What is
 * on the way to it and missing is made.
 */
export const setMember = (text: string, path: readonly string[], value: unknown): Edit | null => {
  const before = text.startsWith(BOM) ? BOM.length : 0;
  const json = withoutBom(text);
  if (json.trim() === '') {
    const added = `${JSON.stringify(nested(path, value), null, DEFAULT_INDENT)}\n`;
    return { offset: text.length, removed: '', added: added.replaceAll('\n', eolOf(text)) };
  }
  const root = parseTree(json);
  if (root === undefined) {
    return null;
  }
  const edit = setBelow(json, root, path, value);
  return edit === null ? null : { ...edit, offset: edit.offset + before };
};

/** The same without it; null if it is not there. */
export const removeMember = (text: string, path: readonly string[]): Edit | null => {
  const before = text.startsWith(BOM) ? BOM.length : 0;
  const json = withoutBom(text);
  const [edit, ...more] = modify(json, [...path], undefined, {});
  if (edit === undefined || more.length > 0) {
    return null;
  }
  const { offset, length, content } = edit;
  const removed = json.slice(offset, offset + length);
  return { offset: offset + before, removed, added: content };
};

/** As docker writes it. */
const DEFAULT_INDENT = '\t';

const setBelow = (
  json: string,
  node: Node,
  [key = '', ...rest]: readonly string[],
  value: unknown,
): Edit | null => {
  if (node.type !== 'object') {
    return null;
  }
  const found = findNodeAtLocation(node, [key]);
  if (found !== undefined && found.type !== 'null' && rest.length > 0) {
    return setBelow(json, found, rest, value);
  }
  if (found?.parent !== undefined) {
    // The key with it: a value alone would not be found again.
    const { offset, length } = found.parent;
    const removed = json.slice(offset, offset + length);
    const whole = rest.length === 0 ? value : nested(rest, value);
    return { offset, removed, added: `${JSON.stringify(key)}: ${JSON.stringify(whole)}` };
  }
  return insert(json, node, key, rest.length === 0 ? value : nested(rest, value));
};

const insert = (
  json: string,
  { offset, length, children = [] }: Node,
  key: string,
  value: unknown,
): Edit => {
  const last = children.at(-1);
  const eol = eolOf(json);
  const unit = indentUnit(json);
  const close = offset + length - 1;
  const inner = { start: offset + 1, end: close };
  const isMultiline = /\n/.test(json.trim()) || json.trim() === '{}';
  const member = (indent: string | null): string => {
    const text = JSON.stringify(value, null, indent === null ? 0 : unit);
    const spaced = indent === null ? text.replace(/^\{"([^"]*)":/, '{"$1": ') : text;
    return `${JSON.stringify(key)}: ${spaced.replaceAll('\n', `${eol}${indent ?? ''}`)}`;
  };
  if (last !== undefined) {
    const indent = lineBefore(json, last.offset);
    const isOwnLine = indent.trim() === '' && json.slice(0, last.offset).includes('\n');
    const added = isOwnLine ? `,${eol}${indent}${member(indent)}` : `, ${member(null)}`;
    return { offset: last.offset + last.length, removed: '', added };
  }
  const removed = json.slice(inner.start, inner.end);
  if (!isMultiline) {
    return { offset: inner.start, removed, added: member(null) };
  }
  const outer = /^[ \t]*/.exec(lineBefore(json, offset))?.[0] ?? '';
  const added = `${eol}${outer}${unit}${member(outer + unit)}${eol}${outer}`;
  return { offset: inner.start, removed, added };
};

const nested = (path: readonly string[], value: unknown): unknown =>
  path.reduceRight((inner, key) => ({ [key]: inner }), value);

const indentUnit = (json: string): string => /\n([ \t]+)\S/.exec(json)?.[1] ?? DEFAULT_INDENT;
