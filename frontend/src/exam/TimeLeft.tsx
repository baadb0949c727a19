import type { ReactNode } from "react";
import { useSecondsUntil } from "../package";
import { exam as words } from "../strings";
import { clockFace, timeMark } from "./time-left";

/** Counts down each second, but speaks only at ten minutes, one minute and the end. */
export function TimeLeft({ closesAt }: { closesAt: number | null }): ReactNode {
  const seconds = useSecondsUntil(closesAt);
  const mark = seconds === null ? null : timeMark(seconds);
  return (
    <div className="exam-time" data-mark={mark ?? undefined}>
      {seconds === null ? (
        <span className="exam-muted">{words.noEnd}</span>
      ) : mark === "over" ? (
        <strong>{words.over}</strong>
      ) : (
        <>
          <span className="exam-muted">{words.timeLeft} </span>
          <strong role="timer" aria-live="off">
            {clockFace(seconds)}
          </strong>
        </>
      )}
      <span role="status" className="page-visually-hidden">
        {mark && words.timeMarks[mark]}
      </span>
    </div>
  );
}
