import { expect, it } from "vitest";
import type { Submission, UseSubmission } from "../package";
import { pageTitle } from "./page-title";

const told = (phase: UseSubmission["phase"], given: Partial<Submission> = {}) => ({
  phase,
  submission: { created_at: "2026-06-01T10:00:00Z", progress: { finished: 3, total: 10 }, ...given } as Submission,
});
const idle = { phase: "idle" as const, submission: null };

it("names the question and the exam while nothing happens", () => {
  expect(pageTitle("Final", "Sorting", idle, idle)).toBe("Sorting · Final");
  expect(pageTitle("Final", null, null, null)).toBe("Final");
});

it.each([
  [told("sending"), "⏳ Sending · Sorting"],
  [told("queued", { queue_position: 3 }), "⏳ 3rd in line · Sorting"],
  [told("queued", { queue_position: null }), "⏳ Recorded · Sorting"],
  [told("processing"), "⏳ 3 of 10 · Sorting"],
  [told("completed", { verdict: "accepted" }), "✓ Accepted · Sorting"],
  [told("completed", { verdict: "wrong_answer" }), "✗ Wrong answer · Sorting"],
  [told("completed", { verdict: null }), "✓ Finished · Sorting"],
  [told("failed"), "⚠ Not judged · Sorting"],
  [told("refused"), "⚠ Not taken · Sorting"],
  [told("cancelled"), "Sorting · Final"],
])("says how a Submit stands: %#", (submit, title) => {
  expect(pageTitle("Final", "Sorting", idle, submit)).toBe(title);
});

it("says what is under way before what is over, though that is newer", () => {
  const over = told("completed", { verdict: "accepted", created_at: "2026-06-01T11:00:00Z" });
  expect(pageTitle("Final", "Sorting", over, told("processing"))).toBe("⏳ 3 of 10 · Sorting");
});

it("says the newer of two that are over", () => {
  const newer = told("completed", { verdict: "wrong_answer", created_at: "2026-06-01T11:00:00Z" });
  expect(pageTitle("Final", "Sorting", newer, told("completed", { verdict: "accepted" }))).toBe(
    "✗ Wrong answer · Sorting",
  );
});
