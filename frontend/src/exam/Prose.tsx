import { micromark, type Options } from "micromark";
import { type ReactNode, use, useMemo } from "react";
import { part } from "./parts";

/** Markdown as it is written in questions. Tables and formulas are loaded where there are any. */
export default function Prose({ text }: { text: string }): ReactNode {
  const tables = /\||~~|https?:|www\.|\[\^|\[[ xX]\]/.test(text);
  const formulas = text.includes("$");
  const options = use(part(`prose ${tables} ${formulas}`, () => load(tables, formulas)));
  const html = useMemo(() => fitToPage(micromark(text, options)), [text, options]);
  // biome-ignore lint/security/noDangerouslySetInnerHtml: micromark escapes HTML and drops javascript: by default
  return <div className="exam-prose" dir="auto" dangerouslySetInnerHTML={{ __html: html }} />;
}

async function load(tables: boolean, formulas: boolean): Promise<Options> {
  const [gfm, math] = await Promise.all([
    tables ? import("micromark-extension-gfm") : null,
    formulas ? import("./formulas") : null,
  ]);
  return {
    extensions: [...(gfm ? [gfm.gfm()] : []), ...(math ? [math.math()] : [])],
    htmlExtensions: [...(gfm ? [gfm.gfmHtml()] : []), ...(math ? [math.mathHtml({ throwOnError: false })] : [])],
  };
}

/**
 * The page's h2 is the question's title: headings go one below. Links must not lead away from what is being typed. What
 * may scroll is reached by keyboard. (In micromark's output `<` begins a tag of its own, never the author's text.)
 */
function fitToPage(html: string): string {
  return html
    .replace(
      /<(\/?)h([1-5])(?=[\s>])/g,
      (_, slash: string, level: string) => `<${slash}h${Math.max(3, Number(level) + 1)}`,
    )
    .replaceAll('<a href="http', '<a target="_blank" rel="noreferrer" href="http')
    .replaceAll("<pre>", '<pre tabindex="0">');
}
