import type { CodeError } from "../compile-errors";

export interface EditorProps {
  language: string;
  /** What it begins with; afterwards the editor tells `onChange`, and is told by the handle. */
  code: string;
  caret: number;
  label: string;
  /** The id of the sentence that says how the keyboard leaves the editor. */
  describedBy: string;
  errors: readonly CodeError[];
  /** The code that the errors are about: in any other their lines would be wrong. */
  errorsOf: string;
  /** What `onPast` gave when this question and language was left: the undo history. */
  past: unknown;
  onChange: (code: string, caret: number) => void;
  onPast: (past: unknown) => void;
  /** The handle works from now on. */
  onReady: () => void;
}

export interface EditorHandle {
  /** One change, so that one undo brings the former code back. */
  replace: (code: string) => void;
  /** From 1. */
  jumpTo: (line: number, column: number | null) => void;
  hasFocus: () => boolean;
}
