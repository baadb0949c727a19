import { expect, test } from "vitest";
import { difference, type Row, visible } from "./compare";

/** As it is shown: "- 1 [2] 3" was expected, with what differs in brackets. */
function shown(rows: Row[] | null): string[] | null {
  return (
    rows?.map((row) => {
      if (row.kind === "skipped") return `(${row.lines})`;
      if (row.kind === "same") return `  ${row.text}`;
      const text = row.pieces.map((piece) => (piece.changed ? `[${piece.text}]` : piece.text)).join("");
      return `${row.kind === "expected" ? "-" : "+"} ${text}`;
    }) ?? null
  );
}

test("lines in place of others stand together, with what differs in them marked", () => {
  expect(shown(difference("a\nsum 12\nc\n", "a\nsum 13\nc\n"))).toEqual(["  a", "- sum 1[2]", "+ sum 1[3]", "  c"]);
});

test("lines that are missing, and lines that should not be there", () => {
  expect(shown(difference("a\nb\nc", "a\nc"))).toEqual(["  a", "- [b]", "  c"]);
  expect(shown(difference("a\nc", "a\nb\nc"))).toEqual(["  a", "+ [b]", "  c"]);
  expect(shown(difference("a\n", ""))).toEqual(["- [a]"]);
  expect(shown(difference("1\n2\n3", "9"))).toEqual(["- [1]", "+ [9]", "- [2]", "- [3]"]);
});

test("a last line end makes no difference, one more empty line does", () => {
  expect(difference("a\n", "a")).toEqual([]);
  expect(shown(difference("a\n", "a\n\n"))).toEqual(["  a", "+ []"]);
});

test("far from a change, lines that are the same are only counted", () => {
  const same = Array.from({ length: 20 }, (_, at) => `${at}`).join("\n");
  expect(shown(difference(`${same}\nx\n${same}`, `${same}\ny\n${same}`))).toEqual([
    "(18)",
    "  18",
    "  19",
    "- [x]",
    "+ [y]",
    "  0",
    "  1",
    "(18)",
  ]);
});

test("a long line is cut around its first difference", () => {
  const before = "x".repeat(10_000);
  const rows = difference(`${before}1${before}`, `${before}2${before}`) ?? [];
  const [expected = "", printed = ""] = shown(rows) ?? [];
  expect(expected).toContain("[1]");
  expect(printed).toContain("[2]");
  expect(expected.length).toBeLessThan(320);
});

test("texts that have nothing in common are not compared, however large: they are given up, with bounded work", () => {
  const lines = (prefix: string) => Array.from({ length: 10_000 }, (_, at) => `${prefix}${at}`).join("\n");
  expect(difference(lines("a"), lines("b"))).toBeNull();
  const characters = (start: number) =>
    Array.from({ length: 65_536 }, (_, at) => String.fromCharCode(start + ((at * at * 31) % 97))).join("");
  expect(JSON.stringify(difference(characters(33), characters(200))).length).toBeLessThan(1000);
});

test("lines that have little in common are marked whole, not in crumbs", () => {
  const [one, other] = ["1234567890".repeat(10), "0987654321".repeat(10)];
  expect(shown(difference(one, other))).toEqual([`- [${one}]`, `+ [${other}]`]);
});

test("white space and what has no width leave a mark", () => {
  expect(visible("a b\tc\r")).toBe("a·b→\tc␍");
  expect(visible("a\u00a0b\u200bc\u0000")).toBe("a⟨U+00A0⟩b⟨U+200B⟩c⟨U+0000⟩");
});
