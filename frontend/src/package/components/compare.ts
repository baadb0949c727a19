/** Where two outputs differ, line by line, with bounded work. Pure. */

import { diffArrays, diffChars } from "diff";

/** A piece of a line; `changed` where the other output has something else. */
export interface Piece {
  text: string;
  changed: boolean;
}

export type Row =
  | { kind: "same"; text: string }
  | { kind: "expected" | "printed"; pieces: Piece[] }
  /** So many lines that are the same on both sides. */
  | { kind: "skipped"; lines: number };

/** Beyond so many lines that differ nobody reads on, and the work grows with their number. */
const MOST_CHANGED_LINES = 200;
const MOST_CHANGED_CHARACTERS = 60;
/** Of a line. What is beyond is cut off around the first character that differs. */
const MOST_SHOWN = 300;
const BEFORE_DIFFERENCE = 40;
/** Lines that are shown around a change. */
const CONTEXT = 2;

/** Null where they differ too much to be compared; empty where they do not differ (a last line end aside). */
export function difference(expected: string, printed: string): Row[] | null {
  const changes = diffArrays(lines(expected), lines(printed), { maxEditLength: MOST_CHANGED_LINES });
  if (changes === undefined) return null;
  if (changes.every(({ added, removed }) => !added && !removed)) return [];
  const rows: Row[] = [];
  for (let at = 0; at < changes.length; at += 1) {
    const { value, added, removed } = changes[at] ?? { value: [] };
    const next = changes[at + 1];
    if (removed && next?.added) {
      rows.push(...replaced(value, next.value));
      at += 1;
    } else if (removed) rows.push(...value.map((line) => whole("expected", line)));
    else if (added) rows.push(...value.map((line) => whole("printed", line)));
    else rows.push(...unchanged(value, at === 0, next === undefined));
  }
  return rows;
}

/** Spaces, tabs and what else leaves no mark, made visible. */
export function visible(text: string): string {
  return text.replace(/[\p{Zs}\p{Cc}\p{Cf}]/gu, (character) => MARKS[character] ?? codePoint(character));
}

const MARKS: Record<string, string> = { " ": "·", "\t": "→\t", "\r": "␍" };

function codePoint(character: string): string {
  return `⟨U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
}

function lines(text: string): string[] {
  return text === "" ? [] : text.replace(/\n$/, "").split("\n");
}

function unchanged(value: string[], first: boolean, last: boolean): Row[] {
  const head = first ? 0 : CONTEXT;
  const tail = last ? 0 : CONTEXT;
  const skipped = value.length - head - tail;
  const same = (line: string): Row => ({ kind: "same", text: clip(line, 0) });
  if (skipped <= 1) return value.map(same);
  return [
    ...value.slice(0, head).map(same),
    { kind: "skipped", lines: skipped },
    ...value.slice(value.length - tail).map(same),
  ];
}

/** Lines in place of others: each next to its counterpart, as long as there are two. */
function replaced(expected: string[], printed: string[]): Row[] {
  const rows: Row[] = [];
  for (let at = 0; at < Math.max(expected.length, printed.length); at += 1) {
    const [one, other] = [expected[at], printed[at]];
    if (one !== undefined && other !== undefined) rows.push(...compared(one, other));
    else if (one !== undefined) rows.push(whole("expected", one));
    else if (other !== undefined) rows.push(whole("printed", other));
  }
  return rows;
}

function whole(kind: "expected" | "printed", line: string): Row {
  return { kind, pieces: [{ text: clip(line, 0), changed: true }] };
}

function compared(expected: string, printed: string): Row[] {
  const from = Math.max(0, firstDifference(expected, printed) - BEFORE_DIFFERENCE);
  const [one, other] = [clip(expected, from), clip(printed, from)];
  const changes = diffChars(one, other, { maxEditLength: MOST_CHANGED_CHARACTERS });
  if (changes === undefined) return [whole("expected", one), whole("printed", other)];
  const side = (kind: "expected" | "printed", drop: "added" | "removed"): Row => ({
    kind,
    pieces: changes
      .filter((change) => !change[drop])
      .map(({ value, added, removed }) => ({ text: value, changed: added || removed })),
  });
  return [side("expected", "added"), side("printed", "removed")];
}

function clip(line: string, from: number): string {
  if (line.length <= MOST_SHOWN) return line;
  const end = from + MOST_SHOWN;
  return `${from > 0 ? "…" : ""}${line.slice(from, end)}${end < line.length ? "…" : ""}`;
}

function firstDifference(one: string, other: string): number {
  let at = 0;
  while (at < one.length && at < other.length && one[at] === other[at]) at += 1;
  return at;
}
