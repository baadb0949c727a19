/** What compilers and interpreters say, found back in the student's own lines. Pure. */

export interface CodeError {
  /** From 1, within the student's code. */
  line: number;
  /** From 1; null where only the line is known. */
  column: number | null;
  message: string;
  severity: "error" | "warning" | "note";
}

/** The judge names the one file of the student so; anything else (a system header) is not theirs. */
const OWN_FILE = String.raw`(?:/box/|\./)?(?:main|Main|script|solution)\.(?:c|cc|cpp|java|py|js|sh)`;

const GCC = new RegExp(`^${OWN_FILE}:(\\d+):(?:(\\d+):)? (fatal error|error|warning|note): (.*)$`);
const JAVAC = new RegExp(`^${OWN_FILE}:(\\d+): (?:(error|warning): )(.*)$`);
const JAVA_FRAME = /^\s+at [\w$.<>/]+\((?:Main|main|solution)\.java:(\d+)\)$/;
const JAVA_THROWN = /^(?:Exception in thread "[^"]*" |Caused by: )(.*)$/;
const PYTHON_FRAME = new RegExp(`^\\s*File "${OWN_FILE}", line (\\d+)`);
const PYTHON_ERROR = /^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Iteration|Warning)\b.*$/;
const NODE_HEAD = new RegExp(`^${OWN_FILE}:(\\d+)$`);
const NODE_ERROR = /^(?:Uncaught )?[A-Za-z_$][\w$]*(?:Error|Exception)\b.*$/;
const SHELL = new RegExp(`^${OWN_FILE}: line (\\d+): (.*)$`);
const CARET = /^(\s*(?:\|\s*)?)[\^~]+\s*$/;

/** In the order in which they were said; each place once. Empty where nothing of it names a line. */
export function codeErrors(language: string, said: string): CodeError[] {
  const lines = said.replaceAll("\r\n", "\n").split("\n");
  switch (language) {
    case "c":
    case "cpp":
      return unique(lines.flatMap(gcc));
    case "java":
      return unique(java(lines));
    case "python":
      return python(lines);
    case "javascript":
      return node(lines);
    case "bash":
      return unique(lines.flatMap(shell));
    default:
      return [];
  }
}

function gcc(line: string): CodeError[] {
  const found = GCC.exec(line);
  if (!found) return [];
  const severity = found[3] === "warning" ? "warning" : found[3] === "note" ? "note" : "error";
  return [{ line: Number(found[1]), column: found[2] ? Number(found[2]) : null, message: found[4] ?? "", severity }];
}

function java(lines: string[]): CodeError[] {
  const errors = lines.flatMap((line, index): CodeError[] => {
    const found = JAVAC.exec(line);
    if (!found) return [];
    // javac shows the source line, then a caret under the place in it.
    const caret = CARET.exec(lines[index + 2] ?? "");
    const column = caret ? (caret[1] ?? "").length + 1 : null;
    const severity = found[2] === "warning" ? "warning" : "error";
    return [{ line: Number(found[1]), column, message: found[3] ?? "", severity }];
  });
  if (errors.length > 0) return errors;
  const frame = lines.map((line) => JAVA_FRAME.exec(line)).find((found) => found !== null);
  const thrown = lines.map((line) => JAVA_THROWN.exec(line)).find((found) => found !== null);
  if (!frame || !thrown) return [];
  return [{ line: Number(frame[1]), column: null, message: thrown[1] ?? "", severity: "error" }];
}

function python(lines: string[]): CodeError[] {
  const message = lines.findLast((line) => PYTHON_ERROR.test(line));
  // Of a traceback the last place in the student's own file is where it went wrong.
  const at = lines.findLastIndex((line) => PYTHON_FRAME.test(line));
  const frame = PYTHON_FRAME.exec(lines[at] ?? "");
  if (!frame || message === undefined) return [];
  return [{ line: Number(frame[1]), column: null, message: message.trim(), severity: "error" }];
}

function node(lines: string[]): CodeError[] {
  const at = lines.findIndex((line) => NODE_HEAD.test(line));
  const head = NODE_HEAD.exec(lines[at] ?? "");
  const message = lines.find((line, index) => index > at && NODE_ERROR.test(line));
  if (!head || message === undefined) return [];
  const caret = CARET.exec(lines[at + 2] ?? "");
  const column = caret ? (caret[1] ?? "").length + 1 : null;
  return [{ line: Number(head[1]), column, message: message.trim(), severity: "error" }];
}

function shell(line: string): CodeError[] {
  const found = SHELL.exec(line);
  return found ? [{ line: Number(found[1]), column: null, message: found[2] ?? "", severity: "error" }] : [];
}

function unique(errors: CodeError[]): CodeError[] {
  const seen = new Set<string>();
  return errors.filter(({ line, column, message }) => {
    const place = `${line}:${column}:${message}`;
    return !seen.has(place) && seen.add(place);
  });
}
