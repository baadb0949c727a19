import { copyFile } from "node:fs/promises";
import { defineConfig } from "vite";

/** The package: ES modules, with everything that the host page has itself left outside. */
export default defineConfig({
  publicDir: false,
  plugins: [
    {
      name: "styles",
      closeBundle: () => copyFile("src/package/styles.css", "package/styles.css"),
    },
  ],
  build: {
    outDir: "package",
    target: "es2022",
    minify: false,
    sourcemap: true,
    lib: { entry: { index: "src/package/index.ts", client: "src/package/framework-free.ts" }, formats: ["es"] },
    rolldownOptions: {
      external: ["react", "react/jsx-runtime", "@tanstack/react-query", "diff"],
      output: { entryFileNames: "[name].js", chunkFileNames: "[name]-[hash].js" },
    },
  },
});
