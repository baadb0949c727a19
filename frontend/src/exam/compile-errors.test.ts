import { describe, expect, it } from "vitest";
import { codeErrors } from "./compile-errors";

const places = (language: string, said: string) =>
  codeErrors(language, said).map(({ line, column, severity }) => [line, column, severity]);

describe("gcc", () => {
  it("names line and column", () => {
    const said =
      "main.c: In function ‘main’:\nmain.c:4:3: error: expected ‘,’ or ‘;’ before ‘printf’\n    4 |   printf(y);\n      |   ^~~~~~\n";
    expect(codeErrors("c", said)).toEqual([
      { line: 4, column: 3, message: "expected ‘,’ or ‘;’ before ‘printf’", severity: "error" },
    ]);
  });

  it("tells errors, warnings and notes apart", () => {
    const said = "main.cpp:3:8: fatal error: a\nmain.cpp:2:1: note: b\nmain.cpp:9:2: warning: c [-Wunused]\n";
    expect(places("cpp", said)).toEqual([
      [3, 8, "error"],
      [2, 1, "note"],
      [9, 2, "warning"],
    ]);
  });

  it("leaves the system's headers out", () => {
    const said =
      "In file included from main.cpp:1:\n/usr/include/c++/12/iostream:61:18: note: ‘std::cout’ declared here\n";
    expect(places("cpp", said)).toEqual([]);
  });

  it("is told once where it repeats itself", () => {
    expect(places("c", "main.c:1:1: error: x\nmain.c:1:1: error: x\n")).toEqual([[1, 1, "error"]]);
  });
});

describe("java", () => {
  it("is placed by the caret below the source line", () => {
    const said =
      "Main.java:4: error: ';' expected\n    int x = 3\n             ^\nMain.java:9: error: cannot find symbol\n  y\n  ^\n  symbol: y\n2 errors\n";
    expect(places("java", said)).toEqual([
      [4, 14, "error"],
      [9, 3, "error"],
    ]);
  });

  it("points at the first own line of an exception's trace", () => {
    const said =
      'Exception in thread "main" java.util.NoSuchElementException\n\tat java.base/java.util.Scanner.throwFor(Scanner.java:937)\n\tat Main.read(Main.java:7)\n\tat Main.main(Main.java:3)\n';
    expect(codeErrors("java", said)).toEqual([
      { line: 7, column: null, message: "java.util.NoSuchElementException", severity: "error" },
    ]);
  });
});

describe("python", () => {
  it("names the line of a syntax error", () => {
    const said = "  File \"/box/script.py\", line 1\n    x = [1, 2\n        ^\nSyntaxError: '[' was never closed\n";
    expect(codeErrors("python", said)).toEqual([
      { line: 1, column: null, message: "SyntaxError: '[' was never closed", severity: "error" },
    ]);
  });

  it("points at the innermost own line of a traceback, not at a library's", () => {
    const said =
      'Traceback (most recent call last):\n  File "/box/script.py", line 4, in <module>\n    f()\n  File "/box/script.py", line 2, in f\n    json.loads("")\n  File "/usr/lib/python3.11/json/__init__.py", line 346, in loads\njson.decoder.JSONDecodeError: Expecting value\n';
    expect(codeErrors("python", said)).toEqual([
      { line: 2, column: null, message: "json.decoder.JSONDecodeError: Expecting value", severity: "error" },
    ]);
  });
});

describe("node", () => {
  it("names the line and the caret's column of a syntax error", () => {
    const said =
      "/box/script.js:2\nlet y = ;\n        ^\n\nSyntaxError: Unexpected token ';'\n    at wrapSafe (node:internal/modules/cjs/loader:1464:18)\n";
    expect(codeErrors("javascript", said)).toEqual([
      { line: 2, column: 9, message: "SyntaxError: Unexpected token ';'", severity: "error" },
    ]);
  });
});

describe("bash", () => {
  it("names the line", () => {
    expect(codeErrors("bash", "script.sh: line 2: syntax error near unexpected token `then'\n")).toEqual([
      { line: 2, column: null, message: "syntax error near unexpected token `then'", severity: "error" },
    ]);
  });
});

it.each(["c", "cpp", "java", "python", "javascript", "bash", "pascal"])(
  "%s says nothing of lines in plain text",
  (language) => {
    expect(codeErrors(language, "")).toEqual([]);
    expect(codeErrors(language, "Killed\nmain\n12:3: hello\nError\n")).toEqual([]);
  },
);
