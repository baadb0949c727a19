/** What a student is told in each state. Pure. */

import { problems, status, verdicts } from "../../strings";
import type { Submission } from "../client";
import type { UseSubmission } from "../use-submission";
import type { Problem } from "../wire";

export interface Face {
  /** Which one; for styles and tests. */
  name: string;
  tone: "waiting" | "good" | "bad" | "trouble" | "plain";
  /** Announced when they change. */
  title: string;
  notes: string[];
  /** Shown, not announced: what changes each second, and what is always so. */
  asides: string[];
  progress: { finished: number; total: number } | null;
}

/** What the service says of everything queued while its judge works; another sentence is news. */
const ORDINARY = "Waiting in line.";

/** Null where nothing was pressed. `secondsLeft`: until it is sent or asked again; `wait`: until judging begins. */
export function faceOf(of: UseSubmission, secondsLeft: number, wait: number | null): Face | null {
  const runNote = of.runType === "run" ? [status.runDoesNotCount] : [];
  switch (of.phase) {
    case "idle":
      return null;
    case "sending":
      return of.unwanted
        ? face("cancelling", "waiting", status.cancelling, { notes: [status.cancellingMore] })
        : sending(of, secondsLeft);
    case "refused":
      return face("refused", "bad", status.refused, { notes: of.problem === null ? [] : reasons(of.problem) });
    case "lost":
      return face("lost", "trouble", status.lost, { notes: of.problem === null ? [] : lost(of.problem) });
    case "queued":
      return connected(of, secondsLeft, queued(of, wait, runNote));
    case "processing":
      return connected(
        of,
        secondsLeft,
        face("processing", "waiting", status.processing, {
          asides: runNote,
          progress: of.submission?.progress ?? null,
        }),
      );
    case "completed":
      return of.submission === null ? null : completed(of.submission);
    case "failed":
      return face("failed", "trouble", status.failed, { notes: [status.failedMore] });
    case "cancelled":
      return face("cancelled", "plain", status.cancelled, { notes: [status.cancelledMore] });
    case "superseded":
      return face("superseded", "plain", status.superseded, { notes: [status.supersededMore] });
  }
}

function face(name: string, tone: Face["tone"], title: string, rest: Partial<Face> = {}): Face {
  return { name, tone, title, notes: [], asides: [], progress: null, ...rest };
}

function sending({ connection, kept }: UseSubmission, secondsLeft: number): Face {
  const keeping = kept ? status.keptInBrowser : status.keptInPage;
  const troubled = (name: string, title: string, rest: Partial<Face>) => face(name, "trouble", title, rest);
  switch (connection.state) {
    case "offline":
      return troubled("offline", status.sendingOffline, { notes: [status.sendingOfflineMore, keeping] });
    case "signed_out":
      return troubled("signed-out", status.sendingSignedOut, { notes: [status.sendingSignedOutMore, keeping] });
    case "rate_limited":
      return troubled("rate-limited", status.rateLimited, {
        notes: [keeping],
        asides: [status.rateLimitedMore(secondsLeft)],
      });
    case "unreachable":
      return troubled("unreachable", status.sendingUnreachable, {
        notes: [keeping],
        asides: [status.sendingAgain(secondsLeft)],
      });
    default:
      return face("sending", "waiting", status.sending, { notes: [status.sendingMore, keeping] });
  }
}

function queued(of: UseSubmission, wait: number | null, asides: string[]): Face {
  const { submission, returned, problem, unwanted } = of;
  if (submission === null) return face("queued", "waiting", status.recorded, { asides: [status.recordedMore] });
  const notes = unwanted ? [status.cancellingRecorded] : problem === null ? [] : [status.notCancelled(problem.detail)];
  const { message, queue_position: position } = submission;
  if (message !== null && message !== ORDINARY) {
    return face("judge-away", "trouble", status.judgeAway, { notes: [message, ...notes], asides });
  }
  const title = position === null ? status.recorded : position === 1 ? status.next : status.position(position);
  return face("queued", "waiting", title, {
    notes: returned ? [status.returned, ...notes] : notes,
    asides: wait === null ? asides : [status.wait(wait), ...asides],
  });
}

/** The face of what is recorded, with what keeps the page from hearing more of it. */
function connected({ connection }: UseSubmission, secondsLeft: number, known: Face): Face {
  const troubled = { ...known, tone: "trouble" as const };
  switch (connection.state) {
    case "offline":
      return { ...troubled, name: "offline", notes: [status.connectionOffline], asides: [] };
    case "signed_out":
      return { ...troubled, name: "signed-out", notes: [status.connectionSignedOut], asides: [] };
    case "unreachable":
      return { ...troubled, name: "unreachable", asides: [status.connectionUnreachable(secondsLeft)] };
    case "rate_limited":
      return { ...known, asides: [status.connectionRateLimited(secondsLeft)] };
    default:
      return known;
  }
}

function completed({ verdict, run_type, stdin, score, points, passed, total }: Submission): Face {
  if (verdict === null) return face("completed", "plain", status.completedRun(""));
  const tone = verdict === "accepted" ? "good" : "bad";
  const words = verdicts[verdict];
  if (run_type === "submit") {
    const title = score === null ? status.completedRun(words) : status.completedSubmit(words, score, points);
    return face("completed", tone, title, { notes: [status.completedSubmitMore(passed, total)] });
  }
  if (stdin !== null) {
    const title = verdict === "accepted" ? status.completedOwnInput : status.completedRun(words);
    return face("completed", tone, title, { notes: [status.completedOwnInputMore] });
  }
  return face("completed", tone, status.completedRun(words), { notes: [status.completedRunMore(passed, total)] });
}

/** Its detail in the middle of a sentence. */
function lost({ detail, requestId }: Problem): string[] {
  return [status.lostMore(detail.replace(/\.$/, "")), ...(requestId === null ? [] : [problems.request(requestId)])];
}

function reasons({ detail, fields, requestId }: Problem): string[] {
  const named = fields.map(({ field, message }) => problems.field(field, message));
  return [detail, ...named, ...(requestId === null ? [] : [problems.request(requestId)])];
}
