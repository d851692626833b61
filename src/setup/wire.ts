import { applyEdit, type Edit, invertEdit, lineAt } from './edit.ts';
import type { Format, Want } from './tool.ts';

/** Something that setup wrote into a file, and how. */
export interface Entry {
  readonly tool: string;
  readonly file: string;
  readonly hosts: readonly string[];
  readonly want: Want;
  /** In the text as it was right before. */
  readonly edit: Edit;
}

/** A change, as far as it may be shown: of what stood there before, nothing. */
export interface Hunk {
  readonly line: number;
  readonly removed: string;
  readonly added: string;
  /** What was there before gives way, or comes back. */
  readonly isHidden: boolean;
}

export type Rewired =
  | {
      readonly kind: 'rewired';
      readonly text: string;
      readonly entries: readonly Entry[];
      readonly hunks: readonly Hunk[];
      /** Still there, in a form that we cannot take out. */
      readonly stuck: readonly Entry[];
    }
  /** What is wanted cannot be written here without touching something else. */
  | { readonly kind: 'by-hand'; readonly lines: string };

export interface Rewiring {
  /** All that is known of this file, in the order in which it was written. */
  readonly entries: readonly Entry[];
  readonly dropped: readonly Entry[];
  readonly added: readonly Omit<Entry, 'edit'>[];
}

/** The text without some of what was written into it, and with something new. Pure. */
export const rewire = (
  format: Format,
  text: string,
  { entries, dropped, added }: Rewiring,
): Rewired => {
  const kept = entries.filter((entry) => !dropped.includes(entry));
  const taken = takeOut(format, text, entries, dropped);
  if (taken.stuck.length > 0 && added.length > 0) {
    // Beside what is to give way to it, it would be there twice.
    return { kind: 'by-hand', lines: added.map(({ want }) => format.byHand(want)).join('') };
  }
  const hunks = [...taken.hunks];
  let current = taken.text;
  let all = [...taken.entries];
  if (taken.isUnwound) {
    all = [];
    for (const entry of kept) {
      const edit = write(format, current, entry.want);
      if (edit === null) {
        return { kind: 'by-hand', lines: format.byHand(entry.want) };
      }
      current = applyEdit(current, edit);
      all.push({ ...entry, edit });
    }
  }
  for (const entry of added) {
    const edit = write(format, current, entry.want);
    if (edit === null) {
      return { kind: 'by-hand', lines: format.byHand(entry.want) };
    }
    const isHidden = edit.removed.trim() !== '';
    hunks.push({ line: lineAt(current, edit.offset), removed: '', added: edit.added, isHidden });
    current = applyEdit(current, edit);
    all.push({ ...entry, edit });
  }
  return { kind: 'rewired', text: current, entries: all, hunks, stuck: taken.stuck };
};

interface Taken {
  readonly text: string;
  readonly entries: readonly Entry[];
  readonly hunks: readonly Hunk[];
  readonly stuck: readonly Entry[];
  /** All of ours is out of the text, also what is to stay. */
  readonly isUnwound: boolean;
}

const takeOut = (
  format: Format,
  text: string,
  entries: readonly Entry[],
  dropped: readonly Entry[],
): Taken => {
  if (dropped.length === 0) {
    return { text, entries, hunks: [], stuck: [], isUnwound: false };
  }
  const base = unwind(format, text, entries);
  if (base !== null) {
    const hunks = dropped.map(({ edit }) => takenHunk(text, edit));
    return { text: base, entries: [], hunks, stuck: [], isUnwound: true };
  }
  let current = text;
  const hunks: Hunk[] = [];
  const stuck: Entry[] = [];
  for (const { want, edit, ...entry } of dropped.toReversed()) {
    if (!format.isDone(format.parse(current), want)) {
      // Somebody took it out already.
      continue;
    }
    const inverted = invertAlone(format, current, { want, edit });
    if (inverted !== null) {
      hunks.push(takenHunk(current, edit));
      current = inverted;
      continue;
    }
    const removal = checkedRemoval(format, current, want, edit);
    if (removal === null) {
      stuck.push({ ...entry, want, edit });
    } else {
      const { offset, removed, added } = removal;
      const isHidden = added.trim() !== '' || edit.removed.trim() !== '';
      hunks.push({ line: lineAt(current, offset), removed, added: '', isHidden });
      current = applyEdit(current, removal);
    }
  }
  const left = entries.filter((entry) => !dropped.includes(entry));
  return { text: current, entries: [...left, ...stuck], hunks, stuck, isUnwound: false };
};

/** The same for one of them. A line end that was added before it may by now be needed by what follows. */
const invertAlone = (
  format: Format,
  text: string,
  { want, edit }: Pick<Entry, 'want' | 'edit'>,
): string | null => {
  const bases = [edit.added, edit.added.replace(/^\r?\n/, '')].map((added) =>
    invertEdit(text, { ...edit, added }),
  );
  return bases.find((base) => base !== null && isBaseOf(format, base, text, [{ want }])) ?? null;
};

/** The text before any of these, with all else that was changed meanwhile. Null if one cannot be found. */
const unwind = (format: Format, text: string, entries: readonly Entry[]): string | null => {
  let base: string | null = text;
  for (const { edit } of entries.toReversed()) {
    base = base === null ? null : invertEdit(base, edit);
  }
  return base !== null && isBaseOf(format, base, text, entries) ? base : null;
};

const isBaseOf = (
  format: Format,
  base: string,
  text: string,
  entries: readonly Pick<Entry, 'want'>[],
): boolean => {
  try {
    const again = entries.reduce((data, { want }) => format.apply(data, want), format.parse(base));
    return format.same(again, format.parse(text));
  } catch {
    return false;
  }
};

const write = (format: Format, text: string, want: Want): Edit | null => {
  const expected = format.apply(format.parse(text), want);
  return (
    format.edits(text, want).find((edit) => {
      try {
        return format.same(format.parse(applyEdit(text, edit)), expected);
      } catch {
        return false;
      }
    }) ?? null
  );
};

const checkedRemoval = (format: Format, text: string, want: Want, edit: Edit): Edit | null => {
  try {
    const removal = format.remove(text, want, edit);
    return removal !== null && format.isRemoval(text, applyEdit(text, removal), want)
      ? removal
      : null;
  } catch {
    return null;
  }
};

const takenHunk = (text: string, { offset, removed, added }: Edit): Hunk => ({
  line: lineAt(text, Math.max(text.indexOf(added), Math.min(offset, text.length))),
  removed: added,
  added: '',
  isHidden: removed.trim() !== '',
});
