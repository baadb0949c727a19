/** All times of the package, in one place, and the arithmetic of asking again. Pure. */

/** Milliseconds, but for `jitter`, which is a fraction. */
export const timings = Object.freeze({
  /** Between two polls, where the service does not say. */
  poll: 2000,
  /** After the first failure; it doubles with each further one. */
  backoffFirst: 1000,
  backoffMost: 30_000,
  /** The share of a backoff that chance may take off, so that pages do not come back all at once. */
  jitter: 0.25,
  /** How long nothing may come of an answer. */
  request: 15_000,
  /** After a 429 or 503 that does not say when. */
  refusedAgain: 5000,
  /** Between two looks at the service's health. */
  health: 10_000,
  /** Between two steps of a countdown. */
  clock: 1000,
  /** By how much two clocks may differ without being wrong. */
  clockNoise: 2000,
} as const);

export type Timings = { [K in keyof typeof timings]: number };

/** Epoch milliseconds by this machine's clock when the monotonic one was at 0: changes only if either is set or sleeps. */
export function sinceClockZero(): number {
  return Date.now() - performance.now();
}

const FINAL = new Set(["completed", "failed", "cancelled", "superseded"]);

/** Whether nothing more will happen to a submission of this status. */
export function isFinal(status: string): boolean {
  return FINAL.has(status);
}

/** Milliseconds to wait after so many failures in a row (1 or more); `random` gives 0 to 1. */
export function backoff(
  { backoffFirst, backoffMost, jitter }: Pick<Timings, "backoffFirst" | "backoffMost" | "jitter">,
  failures: number,
  random: () => number,
): number {
  return Math.min(backoffMost, backoffFirst * 2 ** (failures - 1)) * (1 - jitter * random());
}

/** Milliseconds from an answer to the next poll. Never less than the first backoff, whatever the service says. */
export function pollAfter(timings: Timings, retryAfter: number | null, pollAfterSeconds: number | null): number {
  const asked = retryAfter ?? (pollAfterSeconds === null ? timings.poll : pollAfterSeconds * 1000);
  return Math.max(timings.backoffFirst, asked);
}

/** When to make a failed call again; null where that would not help. `status` 0 is no answer at all. */
export function again(
  timings: Timings,
  problem: { status: number; retryAfter: number | null },
  failures: number,
  random: () => number,
): { state: "unreachable" | "rate_limited"; ms: number } | null {
  const { status, retryAfter } = problem;
  if (status !== 0 && status !== 408 && status !== 429 && status < 500) return null;
  const state = status === 429 ? "rate_limited" : "unreachable";
  if (retryAfter !== null) return { state, ms: Math.max(timings.backoffFirst, retryAfter) };
  const first = status === 429 || status === 503 ? timings.refusedAgain : timings.backoffFirst;
  return { state, ms: backoff({ ...timings, backoffFirst: first }, failures, random) };
}
