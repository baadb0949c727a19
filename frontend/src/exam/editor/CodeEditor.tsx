import { closeBrackets, closeBracketsKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyField, historyKeymap, indentWithTab } from "@codemirror/commands";
import { bracketMatching, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import type { Diagnostic } from "@codemirror/lint";
import { Compartment, EditorState, type Extension, Prec, StateEffect } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  highlightSpecialChars,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { type ReactNode, type Ref, useEffect, useImperativeHandle, useRef } from "react";
import type { CodeError } from "../compile-errors";
import type { EditorHandle, EditorProps } from "./interface";
import { languageSupport } from "./languages";
import { highlighting, looks } from "./looks";

const searching = new Compartment();

const extensions: Extension = [
  lineNumbers(),
  highlightActiveLineGutter(),
  highlightSpecialChars(),
  history(),
  drawSelection(),
  indentOnInput(),
  indentUnit.of("    "),
  bracketMatching(),
  closeBrackets(),
  highlightActiveLine(),
  syntaxHighlighting(highlighting),
  looks,
  // Mod-Enter and Shift-Mod-Enter are the page's Run and Submit; the default would insert a line.
  Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => true, shift: () => true }])),
  keymap.of([
    { key: "Mod-f", run: search },
    ...closeBracketsKeymap,
    ...defaultKeymap,
    ...historyKeymap,
    indentWithTab, // Escape, then Tab leaves the editor: CodeMirror's own way out
  ]),
];

/** Mounted anew for each question and language; `past` brings the undo history back. */
export default function CodeEditor(props: EditorProps & { ref?: Ref<EditorHandle> }): ReactNode {
  const { language, code, caret, label, describedBy, errors, errorsOf, past, onChange, onPast } = props;
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView>(null);
  const told = useRef({ onChange, onPast });
  told.current = { onChange, onPast };

  // biome-ignore lint/correctness/useExhaustiveDependencies: what it begins with; the editor keeps its own state.
  useEffect(() => {
    if (!host.current) return;
    const support = new Compartment();
    const all = [
      extensions,
      support.of([]),
      searching.of([]),
      EditorView.contentAttributes.of({ "aria-label": label, "aria-describedby": describedBy, spellcheck: "false" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged || update.selectionSet) {
          told.current.onChange(update.state.doc.toString(), update.state.selection.main.head);
        }
      }),
    ];
    const editor = new EditorView({ parent: host.current, state: beginning(code, caret, past, all) });
    view.current = editor;
    let gone = false;
    languageSupport(language).then((loaded) => {
      if (!gone) editor.dispatch({ effects: support.reconfigure(loaded) });
    });
    props.onReady();
    return () => {
      gone = true;
      told.current.onPast(editor.state.toJSON({ history: historyField }));
      editor.destroy();
      view.current = null;
    };
  }, []);

  useEffect(() => {
    if (view.current) mark(view.current, errors, errorsOf);
  }, [errors, errorsOf]);

  useImperativeHandle(
    props.ref,
    () => ({
      replace(next) {
        const editor = view.current;
        if (!editor || editor.state.doc.toString() === next) return;
        editor.dispatch({
          changes: { from: 0, to: editor.state.doc.length, insert: next },
          selection: { anchor: Math.min(editor.state.selection.main.head, next.length) },
        });
      },
      jumpTo(line, column) {
        const editor = view.current;
        if (!editor) return;
        const place = offset(editor.state, line, column);
        editor.dispatch({
          selection: { anchor: place },
          effects: EditorView.scrollIntoView(place, { y: "center" }),
        });
        editor.focus();
      },
      hasFocus: () => view.current?.hasFocus ?? false,
    }),
    [],
  );

  return <div ref={host} className="exam-codemirror" />;
}

function beginning(code: string, caret: number, past: unknown, all: Extension): EditorState {
  if (past !== undefined) {
    const state = EditorState.fromJSON(past, { extensions: all }, { history: historyField });
    // Another tab may have gone on meanwhile: what is kept is right, and one undo away from what was here.
    if (state.doc.toString() === code) return state;
    return state.update({ changes: { from: 0, to: state.doc.length, insert: code } }).state;
  }
  const state = EditorState.create({ doc: code, extensions: all });
  return state.update({ selection: { anchor: Math.min(Math.max(0, caret), state.doc.length) } }).state;
}

function offset(state: EditorState, line: number, column: number | null): number {
  const at = state.doc.line(Math.min(Math.max(1, line), state.doc.lines));
  return Math.min(at.from + (column ?? 1) - 1, at.to);
}

/** Searching and marking are loaded when they are first needed: the page must be quick to begin with. */
function search(view: EditorView): boolean {
  import("@codemirror/search").then(({ searchKeymap, openSearchPanel }) => {
    view.dispatch({ effects: searching.reconfigure(keymap.of(searchKeymap)) });
    openSearchPanel(view);
  }, ignore);
  return true;
}

const marked = new WeakMap<EditorView, readonly CodeError[]>();

function mark(view: EditorView, errors: readonly CodeError[], of: string): void {
  if (errors.length === 0 && !marked.has(view)) return;
  const isFirst = !marked.has(view);
  marked.set(view, errors);
  import("@codemirror/lint").then(({ lintGutter, setDiagnostics, lintKeymap }) => {
    if (marked.get(view) !== errors) return;
    if (isFirst) view.dispatch({ effects: StateEffect.appendConfig.of([lintGutter(), keymap.of(lintKeymap)]) });
    const applies = view.state.doc.toString() === of.replaceAll("\r\n", "\n");
    view.dispatch(setDiagnostics(view.state, applies ? diagnostics(view.state, errors) : []));
  }, ignore);
}

/** A part that does not load (a lost network) is missed, and tried again the next time. */
function ignore(): void {}

function diagnostics(state: EditorState, errors: readonly CodeError[]): Diagnostic[] {
  return errors
    .filter(({ line }) => line >= 1 && line <= state.doc.lines)
    .map(({ line, column, message, severity }) => {
      const at = state.doc.line(line);
      const indented = at.from + at.text.length - at.text.trimStart().length;
      const from = column === null ? indented : offset(state, line, column);
      const word = state.wordAt(from);
      const to = column === null ? at.to : Math.max(from, word?.to ?? Math.min(from + 1, at.to));
      return { from, to, message, severity: severity === "note" ? "info" : severity };
    });
}
