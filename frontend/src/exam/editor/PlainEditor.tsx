import { type ReactNode, type Ref, useEffect, useImperativeHandle, useRef } from "react";
import { editor as words } from "../../strings";
import type { EditorHandle, EditorProps } from "./interface";

/** Where the real editor does not load (a lost network in the wrong moment), the student writes all the same. */
export function PlainEditor(props: EditorProps & { ref?: Ref<EditorHandle> }): ReactNode {
  const area = useRef<HTMLTextAreaElement>(null);
  const { code, onChange, onReady } = props;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when it is there.
  useEffect(onReady, []);
  useImperativeHandle(
    props.ref,
    () => ({
      replace: (next) => onChange(next, 0),
      jumpTo(line, column) {
        const before = (area.current?.value ?? "").split("\n").slice(0, line - 1);
        const place = before.reduce((sum, each) => sum + each.length + 1, 0) + (column ?? 1) - 1;
        area.current?.focus();
        area.current?.setSelectionRange(place, place);
      },
      hasFocus: () => document.activeElement === area.current,
    }),
    [onChange],
  );
  return (
    <div className="exam-plain">
      <p className="page-hint">{words.plain}</p>
      <textarea
        ref={area}
        className="page-field"
        aria-label={props.label}
        spellCheck={false}
        autoCapitalize="none"
        autoCorrect="off"
        value={code}
        onChange={(event) => onChange(event.target.value, event.target.selectionStart)}
      />
    </div>
  );
}
