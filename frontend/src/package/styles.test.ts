import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const css = readFileSync("src/package/styles.css", "utf8");
const blocks = [...css.matchAll(/\{([^{}]*--rc-surface:[^{}]*)\}/g)].map(([, body = ""]) =>
  Object.fromEntries(
    [...body.matchAll(/(--rc-[\w-]+):\s*([^;]+);/g)].map(([, name = "", value = ""]) => [name, value]),
  ),
);
const [light = {}, dark = {}, chosenDark = {}] = blocks;

test("dark by the system's wish and dark by the page's are the same", () => {
  expect(blocks).toHaveLength(3);
  expect(dark).toEqual(chosenDark);
});

const text = 4.5;
const graphics = 3;
const pairs: [string, string, number][] = [
  ...["text", "text-quiet", "accent", "good", "bad", "trouble"].map((ink): [string, string, number] => [
    ink,
    "surface",
    text,
  ]),
  ...["text", "text-quiet", "accent", "good", "bad"].map((ink): [string, string, number] => [
    ink,
    "surface-raised",
    text,
  ]),
  ...["good", "bad", "trouble"].flatMap((tone): [string, string, number][] => [
    [tone, `${tone}-surface`, text],
    ["text", `${tone}-surface`, text],
    ["text-quiet", `${tone}-surface`, text],
  ]),
  ["accent-text", "accent", text],
  ["border", "surface", graphics],
];

test.each(pairs)("%s on %s has a contrast of at least %s, light and dark", (ink, ground, least) => {
  for (const theme of [light, dark])
    expect(contrast(theme[`--rc-${ink}`], theme[`--rc-${ground}`])).toBeGreaterThanOrEqual(least);
});

/** WCAG 2.2's contrast ratio. */
function contrast(one = "", other = ""): number {
  const [lighter = 0, darker = 0] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = (colour.match(/[0-9a-f]{2}/g) ?? []).map((hex) => {
    const part = Number.parseInt(hex, 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
