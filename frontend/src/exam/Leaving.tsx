import { type ReactNode, useEffect, useId, useRef, useState, useSyncExternalStore } from "react";
import { useOutbox } from "../package";
import { exam } from "../strings";

const words = exam.leaving;

/**
 * Signing out: at once, unless something is not sent yet; then the student is asked. What was answered is shown to
 * nobody who signs in here afterwards.
 */
export function useLeaving(onSignOut: () => void): { leave: () => void; question: ReactNode } {
  const outbox = useOutbox();
  const unsent = useSyncExternalStore(outbox.subscribe, () => outbox.hasUnsent());
  const [asked, setAsked] = useState(false);
  const leave = () => {
    if (outbox.hasUnsent()) {
      setAsked(true);
      return;
    }
    outbox.clearAnswered();
    onSignOut();
  };
  const question = asked && unsent && <Question onStay={() => setAsked(false)} onSignOut={onSignOut} />;
  return { leave, question };
}

function Question({ onStay, onSignOut }: { onStay: () => void; onSignOut: () => void }): ReactNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      className="exam-leaving"
      aria-labelledby={`${id}title`}
      aria-describedby={`${id}more`}
      onClose={onStay}
    >
      <h2 id={`${id}title`}>{words.title}</h2>
      <p id={`${id}more`}>{words.more}</p>
      <div className="exam-face-actions">
        {/* Closing it, unlike taking it away, gives the focus back. */}
        <button type="button" className="page-button page-button-primary" onClick={() => dialog.current?.close()}>
          {words.stay}
        </button>
        <button type="button" className="page-button" onClick={onSignOut}>
          {words.signOut}
        </button>
      </div>
    </dialog>
  );
}
