import { status } from "../../strings";
import { useSecondsUntil } from "../queries";
import type { UseSubmission } from "../use-submission";
import { type Face, faceOf } from "./face";

export interface QueueStatusProps {
  of: UseSubmission;
}

/** With the tone's word for whoever sees no colours. */
const MARKS: Record<Face["tone"], string> = { waiting: "…", good: "✓", bad: "✕", trouble: "!", plain: "–" };

/** Where it is, in words: whether it is recorded, whether it counts, what comes next. */
export function QueueStatus({ of }: QueueStatusProps) {
  const again = "retryAt" in of.connection ? of.connection.retryAt : null;
  const secondsLeft = useSecondsUntil(again) ?? 0;
  const wait = useSecondsUntil(of.beginsAt);
  const face = faceOf(of, secondsLeft, wait);
  return (
    <div className={`rc-status rc-status--${face?.tone ?? "idle"}`} data-face={face?.name ?? "idle"}>
      {face && (
        <span className="rc-status__mark" aria-hidden="true">
          {MARKS[face.tone]}
        </span>
      )}
      <div className="rc-status__words">
        {/* Always there: what is put into a live region together with it is not announced. */}
        <div role="status" aria-live="polite">
          {face && <p className="rc-status__title">{face.title}</p>}
          {face?.notes.map((note) => (
            <p key={note}>{note}</p>
          ))}
        </div>
        {face?.progress && <Progress {...face.progress} />}
        {face?.asides.map((aside) => (
          <p key={aside} className="rc-status__aside">
            {aside}
          </p>
        ))}
      </div>
    </div>
  );
}

function Progress({ finished, total }: { finished: number; total: number }) {
  const words = status.progress(finished, total);
  return (
    <div className="rc-progress">
      <progress max={Math.max(1, total)} value={finished} aria-label={words} />
      <span aria-hidden="true">{words}</span>
    </div>
  );
}
