/** The geometry of the plot of waits: pure. */
import type { Overview } from "../package";

export interface Step {
  beginsAt: Date;
  /** How many judgings began in it. */
  started: number;
  /** Seconds; null where none began. */
  median: number | null;
  longest: number | null;
}

/** One queue's steps of five minutes, the oldest first; the last is not over yet. */
export function stepsOf(waits: Overview["waits"], queue: string): Step[] {
  return waits.map(({ begins_at, queues }) => ({
    beginsAt: new Date(begins_at),
    started: queues[queue]?.started ?? 0,
    median: queues[queue]?.median_seconds ?? null,
    longest: queues[queue]?.longest_seconds ?? null,
  }));
}

const TOPS = [2, 10, 20, 30, 60, 120, 180, 300, 600, 1200, 1800, 3600];

/** The end of a scale from zero, in seconds: a number that is easily halved, and not below the longest wait. */
export function topOf(steps: readonly Step[]): number {
  const longest = Math.max(0, ...steps.map((step) => step.longest ?? 0));
  return TOPS.find((top) => longest <= top) ?? Math.ceil(longest / 3600) * 3600;
}

/** The step with the longest wait; null where nobody's judging began. */
export function worstOf(steps: readonly Step[]): Step | null {
  const started = steps.filter((step) => step.longest !== null);
  return started.reduce<Step | null>(
    (worst, step) => (worst === null || (step.longest ?? 0) > (worst.longest ?? 0) ? step : worst),
    null,
  );
}
