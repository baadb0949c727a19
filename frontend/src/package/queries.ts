/** What the package asks for, as queries of TanStack Query. */

import { queryOptions, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useReducer, useSyncExternalStore } from "react";
import { type Connection, LIVE, type RunCodeClient, type Submission } from "./client";
import { attemptsKey, ROOT, useRunCode } from "./provider";
import { again, isFinal, sinceClockZero, timings } from "./timings";
import { Problem } from "./wire";

/** Milliseconds by which the expected begin may change without being news. */
const ESTIMATE_NOISE = 3000;

/** A submission as it is followed. */
export interface Followed {
  submission: Submission | null;
  connection: Connection;
  /** Epoch milliseconds by this machine's clock: when judging is expected to begin. */
  beginsAt: number | null;
  /** Whether its judging was broken off, and it is back in line. */
  returned: boolean;
}

/** Whoever shows the same submission shares one query, so one poll: what comes in between is put into its data. */
export function followOptions(client: RunCodeClient, scope: string, id: string | null) {
  const queryKey = [ROOT, scope, "submission", id];
  return queryOptions<Followed, Problem>({
    queryKey,
    enabled: id !== null,
    queryFn: async ({ client: queryClient, signal }) => {
      let seenWaiting = false;
      const submission = await client.poll(
        id ?? "",
        (submission, connection, arrivedAt) => {
          if (signal.aborted) return;
          seenWaiting ||= submission !== null && !isFinal(submission.status);
          queryClient.setQueryData<Followed>(queryKey, (before) => followed(before, submission, connection, arrivedAt));
        },
        signal,
      );
      // Judged before our eyes: the scores are not what they were.
      if (seenWaiting) queryClient.invalidateQueries({ queryKey: attemptKey(scope, submission.attempt_id) });
      return ended(submission);
    },
    // A failed one may be judged again by staff; every other end is one.
    staleTime: ({ state }) => {
      const status = state.data?.submission?.status ?? "queued";
      return isFinal(status) && status !== "failed" ? Number.POSITIVE_INFINITY : 0;
    },
    // The client itself knows when to ask, and what to do offline, whatever the host page's defaults are.
    networkMode: "always",
    retry: false,
    refetchInterval: false,
    refetchOnMount: true,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  });
}

/** Of a final one: nothing is expected any more. */
export function ended(submission: Submission): Followed {
  return { submission, connection: LIVE, beginsAt: null, returned: false };
}

/** Pure. `arrivedAt`: epoch milliseconds by this machine's clock, when the submission last had something new. */
export function followed(
  before: Followed | undefined,
  submission: Submission | null,
  connection: Connection,
  arrivedAt: number | null,
): Followed {
  const was = before?.submission?.status;
  const returned = submission?.status === "queued" && (was === "processing" || (before?.returned ?? false));
  const wait = submission?.estimated_wait_seconds ?? null;
  const expected = wait === null || arrivedAt === null ? null : arrivedAt + wait * 1000;
  // Estimates differ a little from one answer to the next; a countdown that starts anew each time would tell nothing.
  const same = expected !== null && before?.beginsAt != null && Math.abs(expected - before.beginsAt) <= ESTIMATE_NOISE;
  const beginsAt = same ? before.beginsAt : expected;
  return { submission: submission ?? before?.submission ?? null, connection, beginsAt, returned };
}

export function attemptKey(scope: string, id: string) {
  return [...attemptsKey(scope), id];
}

/** What every plain question has in common: asked again as the schedule has it. */
function patiently(client: RunCodeClient) {
  return {
    retry: (_: number, error: Error) => error instanceof Problem && again(client.timings, error, 1, () => 0) !== null,
    retryDelay: (failures: number, error: Error) =>
      (error instanceof Problem ? again(client.timings, error, failures + 1, Math.random)?.ms : null) ?? 0,
  };
}

/** The exam, the scores so far and the newest fifty submissions; asked again whenever a submission got its end. */
export function useAttempt(attemptId: string) {
  const { client, scope } = useRunCode();
  // Whoever shows its deadline computes it anew.
  const origin = () => client.clockOrigin;
  useSyncExternalStore(
    useCallback((listener) => client.onClockSet(listener), [client]),
    origin,
    origin,
  );
  return useQuery({
    queryKey: attemptKey(scope, attemptId),
    queryFn: ({ signal }) => client.attempt(attemptId, null, signal),
    ...patiently(client),
  });
}

export function useQuestion(id: string) {
  const { client, scope } = useRunCode();
  return useQuery({
    queryKey: [ROOT, scope, "question", id],
    queryFn: ({ signal }) => client.question(id, signal),
    staleTime: Number.POSITIVE_INFINITY,
    ...patiently(client),
  });
}

export function useLanguages() {
  const { client, scope } = useRunCode();
  return useQuery({
    queryKey: [ROOT, scope, "languages"],
    queryFn: ({ signal }) => client.languages(signal),
    staleTime: Number.POSITIVE_INFINITY,
    ...patiently(client),
  });
}

/** How well the service works; asked again all the while it is shown. */
export function useHealth() {
  const { client, scope } = useRunCode();
  return useQuery({
    queryKey: [ROOT, scope, "health"],
    queryFn: ({ signal }) => client.health(signal),
    refetchInterval: client.timings.health,
    ...patiently(client),
  });
}

/**
 * Whole seconds until then, never below 0, counting down. `epochMs` is by this machine's clock as it is now; where that
 * is set later, the countdown goes on as before.
 */
export function useSecondsUntil(epochMs: number | null): number | null {
  const [, step] = useReducer((steps: number) => steps + 1, 0);
  const until = useMemo(() => (epochMs === null ? null : epochMs - sinceClockZero()), [epochMs]);
  const none = until === null;
  useEffect(() => {
    if (none) return;
    const timer = setInterval(step, timings.clock);
    return () => clearInterval(timer);
  }, [none]);
  return until === null ? null : Math.max(0, Math.ceil((until - performance.now()) / 1000));
}
