import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

/**
 * What the built pages may load: their own files only. Statements may show pictures from elsewhere; the service may be
 * anywhere. Not while developing, where Vite adds a script of its own to the page.
 */
const attrs = {
  "http-equiv": "Content-Security-Policy",
  content:
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: https:; connect-src *; object-src 'none'; base-uri 'none'; form-action 'none'",
};
const policy: Plugin = {
  name: "content-security-policy",
  apply: "build",
  transformIndexHtml: (_html, { path }) =>
    path.endsWith("/index.html") ? [{ tag: "meta", attrs, injectTo: "head-prepend" }] : [],
};

/** The exam page at `/` and the supervisor's at `/staff/`: two entries, so that students never load the second. */
export default defineConfig({
  base: "./",
  plugins: [react(), policy],
  server: { host: "127.0.0.1" },
  build: { rolldownOptions: { input: ["index.html", "staff/index.html"] } },
  // No test has a time limit: a busy machine is no fault.
  test: {
    environment: "jsdom",
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    setupFiles: ["src/test-setup.ts"],
    testTimeout: 0,
    hookTimeout: 0,
  },
});
