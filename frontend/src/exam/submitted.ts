import type { Attempt, Submission } from "../package";

/** What a Submit sent; `at` in epoch ms, null while the service has not confirmed it. */
export interface Sent {
  language: string;
  code: string;
  at: number | null;
}

/**
 * "unconfirmed": what was sent is under way still, or is not shown any more, and nothing may be said of it.
 * "earlier": something was submitted, but so long ago that the attempt's first page does not hold its code.
 */
export type Standing = "nothing" | "earlier" | "unconfirmed" | "changed" | "same";

/**
 * The newest Submit of a question: the one sent from here, unless the attempt tells of a newer one (another browser).
 * Cancelled ones and those that were refused do not count as submitted.
 */
export function lastSubmit(
  questionId: string,
  here: { request: { language: string; code: string } | null; submission: Submission | null; refused: boolean },
  attempt: Attempt,
): Sent | null {
  const told = attempt.submissions.find(
    (each) => each.question_id === questionId && each.run_type === "submit" && each.status !== "cancelled",
  );
  const there = told ? { language: told.language, code: told.code, at: Date.parse(told.created_at) } : null;
  const cancelled = here.submission?.status === "cancelled";
  if (!here.request || here.refused || cancelled) return there;
  const at = here.submission ? Date.parse(here.submission.created_at) : null;
  if (there && at !== null && there.at > at) return there;
  return { language: here.request.language, code: here.request.code, at };
}

/** Whether the scores tell of a Submit, also where it is not among the newest submissions. */
export function countsEarlier(questionId: string, attempt: Pick<Attempt, "scores">): boolean {
  const scored = attempt.scores.find((each) => each.question_id === questionId);
  return scored !== undefined && (scored.submission_id !== null || scored.score !== null);
}

export function standing(sent: Sent | null, earlier: boolean, language: string, code: string): Standing {
  if (!sent) return earlier ? "earlier" : "nothing";
  if (sent.at === null) return "unconfirmed";
  const same = sent.language === language && sent.code.replaceAll("\r\n", "\n") === code;
  return same ? "same" : "changed";
}
