import { expect, test } from "vitest";
import { again, backoff, isFinal, pollAfter, timings } from "./timings";

test("a backoff doubles with each failure, up to its most", () => {
  const waits = [1, 2, 3, 4, 5, 6, 7, 60].map((failures) => backoff(timings, failures, () => 0));
  expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
});

test("chance takes up to a quarter off a backoff, never adds to it", () => {
  expect(backoff(timings, 3, () => 1)).toBe(3000);
  expect(backoff(timings, 60, () => 0.5)).toBe(26_250);
});

test.each([
  [null, null, 2000],
  [null, 3, 3000],
  [5000, 3, 5000],
  [0, null, 1000],
  [null, 0, 1000],
])("with Retry-After %s ms and poll_after_seconds %s the next poll comes after %s ms", (retryAfter, seconds, ms) => {
  expect(pollAfter(timings, retryAfter, seconds)).toBe(ms);
});

test.each([
  [0, null, 1, { state: "unreachable", ms: 1000 }],
  [0, null, 3, { state: "unreachable", ms: 4000 }],
  [408, null, 1, { state: "unreachable", ms: 1000 }],
  [500, null, 2, { state: "unreachable", ms: 2000 }],
  [502, 7000, 2, { state: "unreachable", ms: 7000 }],
  [503, null, 1, { state: "unreachable", ms: 5000 }],
  [503, null, 2, { state: "unreachable", ms: 10_000 }],
  [503, 3000, 2, { state: "unreachable", ms: 3000 }],
  [429, null, 1, { state: "rate_limited", ms: 5000 }],
  [429, 12_000, 4, { state: "rate_limited", ms: 12_000 }],
  [429, 0, 1, { state: "rate_limited", ms: 1000 }],
  [400, null, 1, null],
  [403, null, 1, null],
  [404, null, 1, null],
  [409, null, 1, null],
  [413, null, 1, null],
  [422, 5000, 1, null],
])(
  "after %s with Retry-After %s ms, failure %s, the call is made again: %o",
  (status, retryAfter, failures, expected) => {
    expect(again(timings, { status, retryAfter }, failures, () => 0)).toEqual(expected);
  },
);

test("what is queued or being judged is not final; the rest is", () => {
  const statuses = ["queued", "processing", "completed", "failed", "cancelled", "superseded"];
  expect(statuses.filter(isFinal)).toEqual(["completed", "failed", "cancelled", "superseded"]);
});
