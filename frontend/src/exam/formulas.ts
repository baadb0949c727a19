import "katex/dist/katex.min.css";

export { math, mathHtml } from "micromark-extension-math";
