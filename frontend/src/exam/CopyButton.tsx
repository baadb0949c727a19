import { type ReactNode, useEffect, useState } from "react";
import { exam as words } from "../strings";

const SHOWN_FOR = 2500;

export function CopyButton(props: { text: string; label?: string; title?: string }): ReactNode {
  const [result, setResult] = useState<string | null>(null);
  useEffect(() => {
    if (result === null) return;
    const timer = setTimeout(() => setResult(null), SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [result]);

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
      setResult(words.copied);
    } catch {
      setResult(words.notCopied);
    }
  };
  return (
    <>
      <button type="button" className="page-button page-button-quiet" aria-label={props.title} onClick={copy}>
        {result ?? props.label ?? words.copy}
      </button>
      <span role="status" className="page-visually-hidden">
        {result}
      </span>
    </>
  );
}
