/** One place of a text, changed. Applied to the text it was made for, `removed` stands at `offset`. */
export interface Edit {
  readonly offset: number;
  readonly removed: string;
  readonly added: string;
}

export const applyEdit = (text: string, { offset, removed, added }: Edit): string => {
  if (!text.startsWith(removed, offset)) {
    throw new Error('an edit for another text');
  }
  return text.slice(0, offset) + added + text.slice(offset + removed.length);
};

/**
 * The text before this edit, whatever else has been changed in it since. Null if what was added is not
 * there any more in this form, or more than once and not where it was.
 */
export const invertEdit = (text: string, { offset, removed, added }: Edit): string | null => {
  const at = text.startsWith(added, offset) ? offset : onlyOffset(text, added);
  return at === null ? null : text.slice(0, at) + removed + text.slice(at + added.length);
};

export const onlyOffset = (text: string, part: string): number | null => {
  const at = text.indexOf(part);
  return part.trim() === '' || at === -1 || text.indexOf(part, at + 1) !== -1 ? null : at;
};

/** From 1. */
export const lineAt = (text: string, offset: number): number =>
  text.slice(0, offset).split('\n').length;

/** How the lines of this text end. */
export const eolOf = (text: string): string => (/\r\n/.test(text) ? '\r\n' : '\n');

/** Between a text and what is appended to it as lines of their own. */
export const lineBreakAfter = (text: string): string =>
  text === '' || text === BOM || text.endsWith('\n') ? '' : eolOf(text);

export const BOM = '\ufeff';

export const withoutBom = (text: string): string => (text.startsWith(BOM) ? text.slice(1) : text);

/** Where the line that holds this offset ends, its end included. */
export const nextLine = (text: string, offset: number): number => {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end + 1;
};

/** What stands before this offset in its line. */
export const lineBefore = (text: string, offset: number): string =>
  text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
