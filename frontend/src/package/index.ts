/** `@run-code/react`: Run and Submit in an exam page of your own. */

export {
  type Attempt,
  type Connection,
  type Health,
  type Language,
  type Overview,
  type Question,
  RunCodeClient,
  type RunCodeClientOptions,
  type RunType,
  type Sample,
  type Status,
  type Submission,
  type SubmissionFilter,
  type SubmissionLine,
  type SubmissionList,
  type SubmissionRequest,
  type Test,
  type Verdict,
} from "./client";
export { AttemptSummary, type AttemptSummaryProps } from "./components/AttemptSummary";
export { type ButtonProps, RunButton, SubmitButton } from "./components/buttons";
export { QueueStatus, type QueueStatusProps } from "./components/QueueStatus";
export { TestResults, type TestResultsProps } from "./components/TestResults";
export { RunCodeProvider, type RunCodeProviderProps, useClient, useOutbox } from "./provider";
export { useAttempt, useHealth, useLanguages, useQuestion, useSecondsUntil } from "./queries";
export type { Outbox } from "./sending";
export { again, isFinal, type Timings, timings } from "./timings";
export { type Phase, type Target, type UseSubmission, useSubmission } from "./use-submission";
export { Problem } from "./wire";
