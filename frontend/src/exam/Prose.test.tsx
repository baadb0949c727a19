import { act, render, waitFor } from "@testing-library/react";
import { Suspense } from "react";
import { expect, it } from "vitest";
import Prose from "./Prose";

async function shown(text: string): Promise<HTMLElement> {
  const { container } = await act(async () =>
    render(
      <Suspense fallback="loading">
        <Prose text={text} />
      </Suspense>,
    ),
  );
  await waitFor(() => expect(container.querySelector(".exam-prose")).not.toBeNull());
  return container.querySelector(".exam-prose") as HTMLElement;
}

it("puts a statement's headings below the question's own", async () => {
  const prose = await shown("# A\n\n## B\n\n### C\n\ntext `a < b`");
  expect([...prose.querySelectorAll("h1,h2,h3,h4")].map((each) => each.outerHTML)).toEqual([
    "<h3>A</h3>",
    "<h3>B</h3>",
    "<h4>C</h4>",
  ]);
  expect(prose.querySelector("code")?.textContent).toBe("a < b");
});

it("shows HTML as the text that it is", async () => {
  const prose = await shown('<script>alert(1)</script>\n\nx <img src=x onerror="alert(1)"> <h2>no</h2>\n\n<h2>no</h2>');
  expect(prose.querySelector("script, img, h2, h3")).toBeNull();
  expect(prose.textContent).toContain('<img src=x onerror="alert(1)">');
});

it("makes no link that runs a script", async () => {
  const prose = await shown("[a](javascript:alert(1)) [b](https://example.org/)");
  const [bad, good] = prose.querySelectorAll("a");
  expect(bad?.getAttribute("href")).toBe("");
  expect(good?.outerHTML).toBe('<a target="_blank" rel="noreferrer" href="https://example.org/">b</a>');
});

it("shows tables", async () => {
  const prose = await shown("| a | b |\n| - | - |\n| 1 | 2 |\n");
  expect(prose.querySelectorAll("th, td")).toHaveLength(4);
});

it("shows formulas, with MathML for screen readers, and a broken one as it was written", async () => {
  const prose = await shown("Where $1 \\le n \\le 10^5$ and $\\frac{$.");
  expect(prose.querySelector("math annotation")?.textContent).toBe("1 \\le n \\le 10^5");
  expect(prose.textContent).toContain("\\frac{");
});

it("lets the keyboard reach what may scroll", async () => {
  expect((await shown("```\ncode\n```")).querySelector("pre")?.tabIndex).toBe(0);
});
