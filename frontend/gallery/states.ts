/** Every state that one press can be in, as the hook tells it. */
import { type Connection, type Phase, Problem, type Submission, type UseSubmission } from "../src/package";
import {
  cancelled,
  code,
  failed,
  hiddenOnly,
  judgeAway,
  ownInput,
  processing,
  run,
  submission,
  superseded,
  verdicts,
} from "./fixtures";

const LIVE: Connection = { state: "live" };
const nothing = () => {};
const opened = Date.now();
/** So that countdowns of the gallery still count when its last story is looked at. */
const LATER = opened + 600_000;

export function state(phase: Phase, changes: Partial<UseSubmission> = {}): UseSubmission {
  const request =
    phase === "idle"
      ? null
      : {
          attempt_id: "sample-alice",
          question_id: "two-numbers",
          language: "python",
          code,
          run_type: changes.runType ?? "submit",
        };
  return {
    runType: "submit",
    phase,
    submission: null,
    connection: LIVE,
    problem: null,
    sentAgainAt: null,
    beginsAt: null,
    returned: false,
    unwanted: false,
    kept: true,
    request,
    receipt: null,
    send: nothing,
    cancel: nothing,
    forget: nothing,
    ...changes,
  };
}

/** As it was answered last. */
export function of(submission: Submission, changes: Partial<UseSubmission> = {}): UseSubmission {
  const wait = submission.estimated_wait_seconds;
  return state(submission.status, {
    submission,
    runType: submission.run_type,
    beginsAt: wait === null ? null : Date.now() + wait * 1000,
    ...changes,
  });
}

const sending = (connection: Connection, problem: Problem) =>
  state("sending", {
    connection,
    problem,
    sentAgainAt: "retryAt" in connection ? connection.retryAt : null,
  });

const refused = (status: number, detail: string, fields: Problem["fields"] = []) =>
  state("refused", { problem: new Problem(status, detail, fields, null, "377ff81b8d3742cb9d068a247703c71f") });

export const states = {
  Idle: state("idle"),
  Sending: state("sending"),
  SendingAgain: sending({ state: "unreachable", retryAt: LATER }, new Problem(0, "The service did not answer.")),
  SendingOffline: sending({ state: "offline" }, new Problem(0, "The service did not answer.")),
  SendingSignedOut: sending({ state: "signed_out" }, new Problem(401, "The token is expired.")),
  KeptInPage: state("sending", { kept: false }),
  KeptInPageOffline: state("sending", { kept: false, connection: { state: "offline" } }),
  Cancelling: state("sending", { unwanted: true, connection: { state: "offline" } }),
  CancellingRecorded: of(submission(), { unwanted: true }),
  RateLimited: sending(
    { state: "rate_limited", retryAt: LATER },
    new Problem(429, "At most 6 Submits a minute.", [], 600_000),
  ),
  Queued: of(submission({ estimated_wait_seconds: 75 })),
  QueuedNext: of(submission({ queue_position: 1, estimated_wait_seconds: 0 })),
  QueuedRun: of(submission({ run_type: "run", total: 2, queue_position: 12 })),
  QueuedAgain: of(submission({ queue_position: 2 }), { returned: true }),
  JudgeAway: of(judgeAway),
  Processing: of(processing(3)),
  ProcessingBegins: of(processing(0)),
  Accepted: of(verdicts.accepted),
  WrongAnswer: of(verdicts.wrong_answer),
  TimeLimit: of(verdicts.time_limit_exceeded),
  MemoryLimit: of(verdicts.memory_limit_exceeded),
  OutputLimit: of(verdicts.output_limit_exceeded),
  RuntimeError: of(verdicts.runtime_error),
  CompileError: of(verdicts.compilation_error),
  HiddenTestsOnly: of(hiddenOnly),
  RunAccepted: of(run),
  OwnInput: of(ownInput),
  Failed: of(failed),
  Superseded: of(superseded),
  Cancelled: of(cancelled),
  NotCancelled: of(submission(), { problem: new Problem(409, "Judging has begun.") }),
  AttemptOver: refused(403, "The exam has ended."),
  Lost: state("lost", { problem: new Problem(404, "There is no such submission.") }),
  Refused: refused(422, "The request is well-formed, but wrong.", [
    { field: "language", message: "This question is answered in python, cpp or java." },
    { field: "code", message: "There is no code." },
  ]),
  TooLarge: refused(413, "The code may have at most 65,536 bytes."),
  Offline: of(processing(3), { connection: { state: "offline" } }),
  Unreachable: of(submission(), { connection: { state: "unreachable", retryAt: LATER } }),
  RateLimitedAfterwards: of(submission(), { connection: { state: "rate_limited", retryAt: LATER } }),
  SignedOut: of(processing(7), { connection: { state: "signed_out" } }),
} satisfies Record<string, UseSubmission>;

export type StateName = keyof typeof states;
