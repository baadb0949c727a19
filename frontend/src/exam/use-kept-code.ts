import { useCallback, useEffect, useRef, useState } from "react";
import type { CodeStore, KeptCode, Place } from "./code-store";

/** Typing is written down this long after it began, however steady it is, and at once when the page is left. */
const DELAY = 300;

export interface Current {
  language: string;
  code: string;
  caret: number;
}

export interface UseKeptCode {
  current: Current;
  /** What the editor told last: what is rendered may be a keystroke behind it. */
  latest: () => Current;
  /** What the editor tells. */
  onChange: (code: string, caret: number) => void;
  changeLanguage: (language: string) => void;
  /** The browser could not keep it the last time. */
  notKept: boolean;
  /** Newer code of another tab, not yet taken over; null: none. */
  other: KeptCode | null;
  /** Shows the other tab's code as the current one, without writing it again. */
  takeOver: (kept: KeptCode) => void;
  forgetOther: () => void;
}

export function useKeptCode(store: CodeStore, place: Place, firstLanguage: string): UseKeptCode {
  const read = (language: string): Current => {
    const kept = store.code(place, language);
    return { language, code: kept?.code ?? "", caret: kept?.caret ?? 0 };
  };
  const [current, setCurrent] = useState(() => read(firstLanguage));
  const [notKept, setNotKept] = useState(false);
  const [other, setOther] = useState<KeptCode | null>(null);
  const now = useRef(current);
  const pending = useRef<ReturnType<typeof setTimeout> | null>(null);

  const flush = useCallback(() => {
    if (pending.current === null) return;
    clearTimeout(pending.current);
    pending.current = null;
    const { language, code, caret } = now.current;
    setNotKept(!store.keepCode(place, language, { code, caret, savedAt: Date.now() }));
  }, [store, place]);

  useEffect(() => {
    const onHidden = () => document.hidden && flush();
    document.addEventListener("visibilitychange", onHidden);
    window.addEventListener("pagehide", flush);
    return () => {
      document.removeEventListener("visibilitychange", onHidden);
      window.removeEventListener("pagehide", flush);
      flush();
    };
  }, [flush]);

  useEffect(
    () =>
      store.watch(place, current.language, (kept) => {
        setOther(kept.code === now.current.code ? null : kept);
      }),
    [store, place, current.language],
  );

  const show = (next: Current) => {
    now.current = next;
    setCurrent(next);
  };
  return {
    current,
    latest: () => now.current,
    notKept,
    other,
    onChange(code, caret) {
      const changed = code !== now.current.code;
      show({ ...now.current, code, caret });
      // Where only the caret moved, another tab's newer code is not written over.
      if (!changed && other !== null) return;
      pending.current ??= setTimeout(flush, DELAY);
    },
    changeLanguage(language) {
      flush();
      setOther(null);
      show(read(language));
    },
    takeOver(kept) {
      if (pending.current !== null) clearTimeout(pending.current);
      pending.current = null;
      setOther(null);
      show({ ...now.current, code: kept.code });
    },
    forgetOther: () => setOther(null),
  };
}
