// @vitest-environment node
import { gzipSync } from "node:zlib";
import { build, type Rolldown } from "vite";
import { expect, test } from "vitest";

/** What a page's bundler makes of `code`, which may import the package's entries; and the modules it took. */
async function bundle(code: string): Promise<{ bytes: number; modules: string[] }> {
  const built = (await build({
    configFile: false,
    logLevel: "silent",
    plugins: [
      { name: "page", resolveId: (id) => (id === "page" ? id : null), load: (id) => (id === "page" ? code : null) },
    ],
    build: { write: false, minify: true, rolldownOptions: { input: "page" } },
  })) as Rolldown.RolldownOutput;
  const chunks = built.output.filter((each) => each.type === "chunk");
  return {
    bytes: chunks.reduce((sum, chunk) => sum + gzipSync(chunk.code).length, 0),
    modules: chunks.flatMap((chunk) => chunk.moduleIds),
  };
}

const entry = (name: string) => `${process.cwd()}/src/package/${name}.ts`;
const foreign = (modules: string[]) => modules.filter((id) => id.includes("node_modules"));

test("the client alone brings no React and stays under 8 KB", async () => {
  const { bytes, modules } = await bundle(
    `import { RunCodeClient } from "${entry("framework-free")}"; globalThis.client = new RunCodeClient({ url: "/", token: () => null });`,
  );
  expect(foreign(modules)).toEqual([]);
  expect(bytes).toBeLessThan(8192);
});

test("of the whole package, a page that uses the client alone gets the client alone", async () => {
  const { bytes, modules } = await bundle(
    `import { RunCodeClient } from "${entry("index")}"; globalThis.client = new RunCodeClient({ url: "/", token: () => null });`,
  );
  expect(foreign(modules)).toEqual([]);
  expect(bytes).toBeLessThan(8192);
});
