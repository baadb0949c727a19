import { describe, expect, it } from "vitest";
import { staff } from "../strings";
import { type Step, stepsOf, topOf, worstOf } from "./waits";

const step = (longest: number | null, minutes = 0): Step => ({
  beginsAt: new Date(Date.UTC(2026, 0, 1, 12, minutes)),
  started: longest === null ? 0 : 1,
  median: longest,
  longest,
});

describe("the steps", () => {
  it("are those of one queue, and empty where it had none", () => {
    const begins_at = "2026-01-01T12:00:00Z";
    const queues = { submit: { started: 2, median_seconds: 1.5, longest_seconds: 2 } };
    const beginsAt = new Date(begins_at);
    expect(stepsOf([{ begins_at, queues }], "submit")).toEqual([{ beginsAt, started: 2, median: 1.5, longest: 2 }]);
    expect(stepsOf([{ begins_at, queues }], "run")).toEqual([{ beginsAt, started: 0, median: null, longest: null }]);
  });
});

describe("the scale", () => {
  it.each([
    [null, 2],
    [0.3, 2],
    [10, 10],
    [10.1, 20],
    [134, 180],
    [3600, 3600],
    [8000, 10_800],
  ])("over a longest wait of %s s ends at %i s", (longest, top) => {
    expect(topOf([step(1), step(longest)])).toBe(top);
  });

  it("stands without any step", () => {
    expect(topOf([])).toBe(2);
  });
});

describe("the worst step", () => {
  it("has the longest wait; of equal ones the first", () => {
    expect(worstOf([step(1, 0), step(9, 5), step(9, 10), step(null, 15)])).toEqual(step(9, 5));
  });

  it("is none where nobody's judging began", () => {
    expect(worstOf([step(null)])).toBeNull();
  });

  it("may have had no wait at all", () => {
    expect(worstOf([step(null), step(0, 5)])).toEqual(step(0, 5));
  });
});

describe("a duration", () => {
  it.each([
    [0, "0 s"],
    [0.44, "0.4 s"],
    [9.96, "10 s"],
    [75.4, "1 min 15 s"],
    [3599.7, "1 h"],
    [3600, "1 h"],
    [12_345, "3 h 25 min"],
  ])("of %s s is told as %s", (seconds, told) => {
    expect(staff.duration(seconds)).toBe(told);
  });
});
