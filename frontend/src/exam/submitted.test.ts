import { describe, expect, it } from "vitest";
import type { Attempt, Submission } from "../package";
import { countsEarlier, lastSubmit, standing } from "./submitted";

const submission = (given: Partial<Submission>): Submission =>
  ({
    question_id: "sum",
    run_type: "submit",
    status: "completed",
    language: "python",
    code: "print(1)",
    created_at: "2026-06-01T10:00:00Z",
    ...given,
  }) as Submission;

const attempt = (...submissions: Submission[]): Attempt => ({ submissions }) as unknown as Attempt;
const nothingHere = { request: null, submission: null, refused: false };
const here = (code: string, created_at: string | null) => ({
  request: { language: "python", code },
  submission: created_at === null ? null : submission({ code, created_at }),
  refused: false,
});

describe("the last Submit", () => {
  it("is none where only Runs, other questions' and cancelled ones were sent", () => {
    const others = [
      submission({ run_type: "run" }),
      submission({ question_id: "sorting" }),
      submission({ status: "cancelled" }),
    ];
    expect(lastSubmit("sum", nothingHere, attempt(...others))).toBeNull();
  });

  it("is the one that is being sent", () => {
    expect(lastSubmit("sum", here("new", null), attempt(submission({})))?.code).toBe("new");
  });

  it("is the newer one of another browser", () => {
    const newer = submission({ code: "newer", created_at: "2026-06-01T11:00:00Z" });
    expect(lastSubmit("sum", here("old", "2026-06-01T10:30:00Z"), attempt(newer))?.code).toBe("newer");
  });

  it("is this browser's where that is the newest", () => {
    expect(lastSubmit("sum", here("newest", "2026-06-01T12:00:00Z"), attempt(submission({})))?.code).toBe("newest");
  });

  it("is not one that was refused or cancelled", () => {
    const former = attempt(submission({ code: "former" }));
    expect(lastSubmit("sum", { ...here("new", null), refused: true }, former)?.code).toBe("former");
    const cancelled = { ...here("new", null), submission: submission({ status: "cancelled" }) };
    expect(lastSubmit("sum", cancelled, former)?.code).toBe("former");
  });
});

describe("an earlier Submit", () => {
  const score = (given: object) => ({
    scores: [{ question_id: "sum", score: null, points: 100, submission_id: null, ...given }],
  });

  it.each([
    [{}, false],
    [{ submission_id: "s1" }, true],
    [{ score: 0 }, true],
    [{ score: 100, question_id: "sorting" }, false],
  ])("is told by the scores alone: %j", (given, expected) => {
    expect(countsEarlier("sum", score(given))).toBe(expected);
  });
});

describe("the code in the editor", () => {
  const sent = { language: "python", code: "a\r\nb", at: 0 };

  it.each([
    [null, "python", "a", "nothing"],
    [sent, "python", "a\nb", "same"],
    [sent, "python", "a\nb ", "changed"],
    [sent, "c", "a\nb", "changed"],
    [{ ...sent, at: null }, "python", "a\nb", "unconfirmed"],
  ] as const)("stands to what was sent (%j) in %s as %j: %s", (last, language, code, expected) => {
    expect(standing(last, false, language, code)).toBe(expected);
  });

  it("stands to an earlier Submit as to nothing that is known, but is never called the first", () => {
    expect(standing(null, true, "python", "a")).toBe("earlier");
    expect(standing(sent, true, "python", "a\nb")).toBe("same");
  });
});
