import type { UseSubmission } from "../package";
import { ordinal, verdicts, exam as words } from "../strings";

type Told = Pick<UseSubmission, "phase" | "submission">;

const UNDERWAY = new Set(["sending", "queued", "processing"]);

/** The tab's title: "⏳ 3rd in line · Sorting". What is under way before what is over; of two the newer. */
export function pageTitle(page: string, question: string | null, run: Told | null, submit: Told | null): string {
  const told = [submit, run].filter((each): each is Told => each !== null && each.phase !== "idle");
  told.sort((a, b) => rank(b) - rank(a) || sentAt(b) - sentAt(a));
  const state = told[0] ? stateTitle(told[0]) : null;
  return [state, question, state === null ? page : null].filter((part) => part !== null).join(" · ");
}

function rank({ phase }: Told): number {
  return UNDERWAY.has(phase) ? 1 : 0;
}

function sentAt({ phase, submission }: Told): number {
  if (phase === "sending") return Number.MAX_VALUE;
  return submission ? Date.parse(submission.created_at) : 0;
}

function stateTitle({ phase, submission }: Told): string | null {
  const { titles } = words;
  switch (phase) {
    case "sending":
      return titles.sending;
    case "queued":
      return submission?.queue_position ? titles.position(ordinal(submission.queue_position)) : titles.recorded;
    case "processing":
      return submission ? titles.judging(submission.progress.finished, submission.progress.total) : titles.recorded;
    case "completed":
      if (!submission?.verdict) return titles.finished;
      return submission.verdict === "accepted"
        ? titles.accepted(verdicts.accepted)
        : titles.rejected(verdicts[submission.verdict]);
    case "failed":
      return titles.failed;
    case "refused":
      return titles.refused;
    case "lost":
      return titles.lost;
    default:
      return null;
  }
}
