import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import { type Connection, LIVE, type RunType, type Status, type Submission, type SubmissionRequest } from "./client";
import { useRunCode } from "./provider";
import { attemptKey, ended, followOptions } from "./queries";
import type { Place } from "./sending";
import { isFinal } from "./timings";
import type { Problem } from "./wire";

export interface Target {
  attemptId: string;
  questionId: string;
  language: string;
  runType: RunType;
}

/** `lost`: it was recorded, but the service does not show it to this student any more. */
export type Phase = "idle" | "sending" | Status | "refused" | "lost";

export interface UseSubmission {
  runType: RunType;
  phase: Phase;
  /** As it was last answered; null before. */
  submission: Submission | null;
  connection: Connection;
  /** Why it was refused, lost or not cancelled, or what it waits for while it is being sent. */
  problem: Problem | null;
  /** Epoch milliseconds by this machine's clock, while sending waits for its next try. */
  sentAgainAt: number | null;
  /** Epoch milliseconds by this machine's clock: when judging is expected to begin. */
  beginsAt: number | null;
  /** Whether its judging was broken off, and it is back in line. */
  returned: boolean;
  /** Whether it is being cancelled, as soon as the service answers. */
  unwanted: boolean;
  /** Whether what is not answered yet outlives a reload: false where this browser's storage is full or forbidden. */
  kept: boolean;
  /** What was sent. */
  request: SubmissionRequest | null;
  /** What proves that it was taken, where the service gives receipts. */
  receipt: string | null;
  /** Ignored while one is under way. */
  send(code: string, options?: { stdin?: string }): void;
  /** Takes it back while it is not answered or still queued; it may be too late. */
  cancel(): void;
  /** Shows it no more. Ignored while it is under way. */
  forget(): void;
}

/** One button of one question: what was pressed last there, where it is, and what came out. */
export function useSubmission({ attemptId, questionId, language, runType }: Target): UseSubmission {
  const { client, outbox, scope } = useRunCode();
  const queryClient = useQueryClient();
  const place: Place = useMemo(() => ({ attemptId, questionId, runType }), [attemptId, questionId, runType]);
  const pressed = useSyncExternalStore(
    outbox.subscribe,
    () => outbox.at(place),
    () => null,
  );
  const id = pressed?.sending.submissionId ?? null;
  const { data, error } = useQuery(followOptions(client, scope, id));

  const refused = pressed?.refused ?? false;
  useEffect(() => {
    // The attempt is not as it was known: over, perhaps, or closed by staff.
    if (refused) queryClient.invalidateQueries({ queryKey: attemptKey(scope, attemptId) });
  }, [refused, queryClient, scope, attemptId]);

  const cancelling = useMutation({
    mutationFn: (id: string) => client.cancel(id),
    networkMode: "always",
    onSuccess: async (submission) => {
      const { queryKey } = followOptions(client, scope, submission.submission_id);
      await queryClient.cancelQueries({ queryKey });
      queryClient.setQueryData(queryKey, ended(submission));
    },
  });

  const submission = data?.submission ?? null;
  const phase = phaseOf();
  function phaseOf(): Phase {
    if (pressed === null) return "idle";
    if (refused) return "refused";
    if (id === null) return "sending";
    if (error !== null && !(submission !== null && isFinal(submission.status))) return "lost";
    return submission?.status ?? "queued";
  }
  const underWay = phase === "sending" || phase === "queued" || phase === "processing";
  const connection = id === null ? (pressed?.connection ?? LIVE) : (data?.connection ?? LIVE);
  const notCancelled = cancelling.variables === id && phase === "queued" ? (cancelling.error as Problem | null) : null;
  const unwanted = (pressed?.sending.unwanted ?? false) || (cancelling.isPending && cancelling.variables === id);

  const send = useCallback(
    (code: string, { stdin }: { stdin?: string } = {}) => {
      if (underWay) return;
      const input = stdin === undefined ? {} : { stdin };
      outbox.send({ attempt_id: attemptId, question_id: questionId, language, code, run_type: runType, ...input });
    },
    [outbox, underWay, attemptId, questionId, language, runType],
  );
  const { mutate } = cancelling;
  const cancel = useCallback(() => {
    if (id === null) outbox.takeBack(place);
    else if (phase === "queued" && !unwanted) mutate(id);
  }, [outbox, place, id, phase, unwanted, mutate]);
  const forget = useCallback(() => {
    if (!underWay) outbox.forget(place);
  }, [outbox, place, underWay]);

  return {
    runType,
    phase,
    submission,
    connection,
    problem: pressed?.problem ?? error ?? notCancelled,
    sentAgainAt: phase === "sending" && "retryAt" in connection ? connection.retryAt : null,
    beginsAt: phase === "queued" ? (data?.beginsAt ?? null) : null,
    returned: data?.returned ?? false,
    unwanted,
    kept: pressed?.kept ?? true,
    request: pressed?.sending.request ?? null,
    receipt: pressed?.sending.receipt ?? null,
    send,
    cancel,
    forget,
  };
}
