import { HighlightStyle } from "@codemirror/language";
import { EditorView } from "@codemirror/view";
import { tags } from "@lezer/highlight";

/** Colours are CSS variables: changing between light and dark touches nothing here. */
export const looks = EditorView.theme({
  "&": {
    height: "100%",
    color: "var(--page-ink)",
    backgroundColor: "var(--page-surface)",
    fontSize: "var(--exam-editor-size)",
  },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--page-mono)", lineHeight: "1.55" },
  ".cm-content": { caretColor: "var(--page-ink)", padding: "10px 0" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--page-ink)", borderLeftWidth: "2px" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--page-muted)", border: "none" },
  ".cm-lineNumbers .cm-gutterElement": { padding: "0 8px 0 10px" },
  ".cm-activeLine": { backgroundColor: "var(--exam-active-line)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--page-ink)" },
  "& .cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground": {
    backgroundColor: "var(--exam-selection)",
  },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--exam-bracket)", outline: "1px solid var(--page-edge)" },
  "&.cm-focused .cm-nonmatchingBracket": { backgroundColor: "var(--page-bad-tint)" },
  ".cm-searchMatch": { backgroundColor: "var(--page-warn-tint)", outline: "1px solid var(--page-warn)" },
  ".cm-searchMatch.cm-searchMatch-selected": { backgroundColor: "var(--exam-bracket)" },
  ".cm-panels": { backgroundColor: "var(--page-sunken)", color: "var(--page-ink)" },
  ".cm-panels.cm-panels-bottom": { borderTop: "1px solid var(--page-line)" },
  ".cm-panels button, .cm-panels input": { fontFamily: "var(--page-sans)", fontSize: "0.85rem" },
  ".cm-button": {
    backgroundImage: "none",
    backgroundColor: "var(--page-surface)",
    border: "1px solid var(--page-edge)",
  },
  ".cm-textfield": { backgroundColor: "var(--page-surface)", border: "1px solid var(--page-edge)" },
  ".cm-panel.cm-search": { padding: "6px 28px 6px 8px" },
  ".cm-panel.cm-search [name=close]": { fontSize: "1.1rem", top: "4px", right: "8px" },
  ".cm-tooltip": {
    backgroundColor: "var(--page-surface)",
    color: "var(--page-ink)",
    border: "1px solid var(--page-edge)",
    borderRadius: "6px",
  },
  ".cm-diagnostic": { fontFamily: "var(--page-sans)", fontSize: "0.85rem" },
});

export const highlighting = HighlightStyle.define([
  { tag: [tags.keyword, tags.controlKeyword, tags.modifier, tags.operatorKeyword], color: "var(--exam-code-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.character, tags.regexp], color: "var(--exam-code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: "var(--exam-code-number)" },
  { tag: [tags.comment, tags.meta, tags.processingInstruction], color: "var(--page-muted)", fontStyle: "italic" },
  { tag: [tags.typeName, tags.className, tags.standard(tags.name)], color: "var(--exam-code-type)" },
  {
    tag: [tags.function(tags.variableName), tags.function(tags.definition(tags.variableName))],
    color: "var(--exam-code-function)",
  },
]);
