import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import { run as axe } from "axe-core";
import type { ReactElement } from "react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  type Attempt,
  AttemptSummary,
  Problem,
  QueueStatus,
  RunButton,
  type Submission,
  SubmitButton,
  type Test,
  TestResults,
  type UseSubmission,
} from "../index";
import { completed, processing, queued, submission } from "../testing";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: NOW });
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const NOW = Date.parse("2026-03-01T10:00:00Z");

function state(changes: Partial<UseSubmission>): UseSubmission {
  return {
    runType: "submit",
    phase: "idle",
    submission: null,
    connection: { state: "live" },
    problem: null,
    sentAgainAt: null,
    beginsAt: null,
    returned: false,
    unwanted: false,
    kept: true,
    request: null,
    receipt: null,
    send: vi.fn(),
    cancel: vi.fn(),
    forget: vi.fn(),
    ...changes,
  };
}

const keptInBrowser = "It is kept in this browser. Keep this page open until it says Recorded.";
const keptInPage = "Kept only while this page is open: do not close or reload it.";
const soon = NOW + 8900;
const run = { runType: "run" } as const;
const judgeAway = "The judge is not answering. Your submission is safe and will be judged as soon as it is back.";
const of = (changes: Partial<Submission>) => ({
  phase: changes.status ?? "completed",
  submission: submission(changes),
});
const done = (changes: Partial<Submission> = {}) => of({ ...completed, ...changes });

/** Name of the face, what is announced, what else is shown. */
const faces: [string, Partial<UseSubmission>, string, string, string][] = [
  ["nothing pressed", {}, "idle", "", ""],
  [
    "sending",
    { phase: "sending" },
    "sending",
    `Sending…You can go on working: where the network fails, it is sent again by itself.${keptInBrowser}`,
    "",
  ],
  [
    "sending what could not be stored",
    { phase: "sending", kept: false, connection: { state: "unreachable", retryAt: soon } },
    "unreachable",
    `No answer yet${keptInPage}`,
    "Not sent yet. It is sent again by itself in 9 s.",
  ],
  [
    "cancelling what may be recorded",
    { phase: "sending", unwanted: true, connection: { state: "offline" } },
    "cancelling",
    "Cancelling.It is not known yet whether it was recorded; if it was, it is cancelled as soon as the service answers.",
    "",
  ],
  [
    "cancelling what is recorded",
    { ...of(queued), unwanted: true },
    "queued",
    "Recorded. 4th in line.It is being cancelled.",
    "",
  ],
  [
    "sending, offline",
    { phase: "sending", connection: { state: "offline" } },
    "offline",
    `You are offline: not sent yetIt is sent by itself as soon as you are online.${keptInBrowser}`,
    "",
  ],
  [
    "sending, signed out",
    { phase: "sending", connection: { state: "signed_out" } },
    "signed-out",
    `You are signed out: not sent yetSign in again: then it is sent by itself.${keptInBrowser}`,
    "",
  ],
  [
    "rate limited",
    { phase: "sending", connection: { state: "rate_limited", retryAt: soon } },
    "rate-limited",
    `Too many in one minute: not taken yet${keptInBrowser}`,
    "It is sent by itself in 9 s.",
  ],
  [
    "sending, no answer",
    { phase: "sending", connection: { state: "unreachable", retryAt: soon } },
    "unreachable",
    `No answer yet${keptInBrowser}`,
    "Not sent yet. It is sent again by itself in 9 s.",
  ],
  [
    "attempt over",
    {
      phase: "refused",
      problem: new Problem(403, "The exam has ended.", [{ field: "code", message: "too late" }], null, "r1"),
    },
    "refused",
    "Not taken: it does not count.The exam has ended.code: too lateRequest r1",
    "",
  ],
  [
    "recorded, and shown no more",
    { phase: "lost", problem: new Problem(404, "There is no such submission.", [], null, "r1") },
    "lost",
    "It was recorded.The service does not show it any more (There is no such submission). See History.Request r1",
    "",
  ],
  ["recorded, after a reload", { phase: "queued" }, "queued", "Recorded.", "Asking how far it is…"],
  ["in line", { ...of(queued), beginsAt: soon }, "queued", "Recorded. 4th in line.", "About 9 s until judging begins."],
  [
    "in a long line",
    { ...of(queued), beginsAt: NOW + 100_000 },
    "queued",
    "Recorded. 4th in line.",
    "About 2 min until judging begins.",
  ],
  ["next", of({ ...queued, queue_position: 1 }), "queued", "Recorded. Next in line.", ""],
  [
    "a Run in line",
    { ...of({ ...queued, queue_position: 22 }), ...run },
    "queued",
    "Recorded. 22nd in line.",
    "A Run does not count towards your score.",
  ],
  [
    "back in line",
    { ...of(queued), returned: true },
    "queued",
    "Recorded. 4th in line.The judging was interrupted and begins again by itself. Nothing is lost.",
    "",
  ],
  ["judge away", of({ ...queued, message: judgeAway }), "judge-away", `Recorded. The judge is away.${judgeAway}`, ""],
  ["being judged", of(processing), "processing", "Being judged.", "3 of 10 tests"],
  [
    "offline while it is judged",
    { ...of(processing), connection: { state: "offline" } },
    "offline",
    "Being judged.You are offline. It is recorded and judged all the same; the result shows as soon as you are back.",
    "3 of 10 tests",
  ],
  [
    "signed out while it waits",
    { ...of(queued), connection: { state: "signed_out" } },
    "signed-out",
    "Recorded. 4th in line.You are signed out. It is recorded and judged all the same. Sign in again to see the result.",
    "",
  ],
  [
    "no answer while it waits",
    { ...of(queued), connection: { state: "unreachable", retryAt: soon } },
    "unreachable",
    "Recorded. 4th in line.",
    "The service does not answer. What you sent is recorded. Asking again in 9 s.",
  ],
  ["accepted", done(), "completed", "Accepted: 100 of 100 points.Judged and recorded. 10 of 10 tests passed.", ""],
  [
    "wrong",
    done({ verdict: "wrong_answer", score: 40, passed: 4 }),
    "completed",
    "Wrong answer: 40 of 100 points.Judged and recorded. 4 of 10 tests passed.",
    "",
  ],
  [
    "a Run accepted",
    done({ run_type: "run", score: null, passed: 1, total: 1 }),
    "completed",
    "Accepted.1 of 1 sample test passed. A Run does not count towards your score.",
    "",
  ],
  [
    "a Run on own input",
    done({ run_type: "run", score: null, stdin: "5" }),
    "completed",
    "Ran to its end.On your own input: nothing was compared. A Run does not count towards your score.",
    "",
  ],
  [
    "a Run on own input that crashed",
    done({ run_type: "run", score: null, stdin: "5", verdict: "runtime_error" }),
    "completed",
    "Runtime error.On your own input: nothing was compared. A Run does not count towards your score.",
    "",
  ],
  [
    "failed",
    of({ status: "failed" }),
    "failed",
    "We could not judge it. The fault is ours, not yours.Your code is safe with us and costs you nothing. It can be judged again.",
    "",
  ],
  ["cancelled", of({ status: "cancelled" }), "cancelled", "Cancelled before judging.It does not count.", ""],
  [
    "superseded",
    { ...of({ status: "superseded" }), ...run },
    "superseded",
    "Replaced by a newer Run of this question.Only the newer one is judged. A Run does not count towards your score.",
    "",
  ],
];

describe("each state has its face:", () => {
  test.each(faces)("%s", async (_, changes, name, announced, aside) => {
    const { container } = render(<QueueStatus of={state(changes)} />);
    expect(container.querySelector("[data-face]")?.getAttribute("data-face")).toBe(name);
    expect(screen.getByRole("status").textContent).toBe(announced);
    expect(container.textContent?.replace(announced, "").replace(/^[…✓✕!–]/, "")).toBe(aside);
    expect(await violations(container)).toEqual([]);
  });
});

test("the region that is announced is the same one from before the first press to the end", () => {
  const { rerender } = render(<QueueStatus of={state({})} />);
  const region = screen.getByRole("status");
  for (const [, changes] of faces) {
    rerender(<QueueStatus of={state(changes)} />);
    expect(screen.getByRole("status")).toBe(region);
  }
});

test("a second that passes is not announced", () => {
  const { rerender } = render(<QueueStatus of={state({ ...of(queued), beginsAt: Date.now() + 8000 })} />);
  const before = screen.getByRole("status").innerHTML;
  rerender(<QueueStatus of={state({ ...of(queued), beginsAt: Date.now() + 3000 })} />);
  expect(screen.getByText("About 3 s until judging begins.")).toBeDefined();
  expect(screen.getByRole("status").innerHTML).toBe(before);
});

test("progress is a bar that says how far", () => {
  render(<QueueStatus of={state(of(processing))} />);
  const bar = screen.getByRole("progressbar", { name: "3 of 10 tests" });
  expect([bar.getAttribute("value"), bar.getAttribute("max")]).toEqual(["3", "10"]);
});

test.each([
  ["idle", "Submit", false],
  ["sending", "Sending…", true],
  ["queued", "Waiting…", true],
  ["processing", "Judging…", true],
  ["completed", "Submit", false],
  ["failed", "Submit", false],
  ["cancelled", "Submit", false],
  ["superseded", "Submit", false],
  ["refused", "Submit", false],
  ["lost", "Submit", false],
] as const)("while %s the button says %s", (phase, label, busy) => {
  const submit = state({ phase });
  render(<SubmitButton run={submit} code="print(1)" />);
  const button = screen.getByRole<HTMLButtonElement>("button", { name: label });
  expect(button.getAttribute("aria-disabled")).toBe(String(busy));
  expect(button.disabled).toBe(false);
  fireEvent.click(button);
  expect(submit.send).toHaveBeenCalledTimes(busy ? 0 : 1);
  const mayBeCancelled = phase === "sending" || phase === "queued";
  expect(screen.queryAllByRole("button", { name: "Cancel the waiting Submit" })).toHaveLength(mayBeCancelled ? 1 : 0);
});

test.each(["sending", "queued"] as const)("what is %s and being cancelled is not cancelled again", (phase) => {
  render(<SubmitButton run={state({ phase, unwanted: true })} code="" />);
  expect(screen.getAllByRole("button").map(({ textContent }) => textContent)).toEqual(["Cancelling…"]);
});

test("while a Run is judged its button says so", () => {
  render(<RunButton run={state({ phase: "processing", ...run })} code="" />);
  expect(screen.getByRole("button").textContent).toBe("Running…");
});

test("Run sends the code with the student's own input; disabled it sends nothing", () => {
  const pressed = state(run);
  const { rerender } = render(<RunButton run={pressed} code="print(1)" stdin="5" />);
  fireEvent.click(screen.getByRole("button", { name: "Run" }));
  expect(pressed.send).toHaveBeenCalledWith("print(1)", { stdin: "5" });
  rerender(<RunButton run={pressed} code="print(1)" disabled />);
  fireEvent.click(screen.getByRole("button", { name: "Run" }));
  expect(pressed.send).toHaveBeenCalledTimes(1);
});

test("the focus stays on the button that was pressed", () => {
  const { rerender } = render(<SubmitButton run={state({})} code="" />);
  const button = screen.getByRole("button");
  button.focus();
  for (const phase of ["sending", "queued", "processing", "completed"] as const) {
    rerender(<SubmitButton run={state({ phase })} code="" />);
    expect(document.activeElement).toBe(button);
  }
});

function sample(number: number, changes: Partial<Test> = {}): Test {
  return {
    number,
    hidden: false,
    verdict: "accepted",
    time_seconds: 0.021,
    memory_kb: 9120,
    stdin: "1 2\n",
    expected_output: "3\n",
    stdout: "3\n",
    stderr: "",
    ...changes,
  };
}

const hidden = (number: number, verdict: Test["verdict"]): Test => ({
  number,
  hidden: true,
  verdict,
  time_seconds: 0.5,
  memory_kb: 900,
});
const wrong = (number: number) => sample(number, { verdict: "wrong_answer", stdout: "4\n", message: "Line 1: not 3." });
const judged = (tests: Test[], changes: Partial<Submission> = {}) => submission({ ...completed, tests, ...changes });

test("the first sample test that failed is open, the others are closed, hidden ones cannot be opened", async () => {
  const tests = [sample(1), hidden(2, "wrong_answer"), wrong(3), wrong(4)];
  const { container } = render(<TestResults of={judged(tests, { passed: 1, total: 4 })} />);
  expect(screen.getByText("1 of 4 passed")).toBeDefined();
  const [first, second, third] = container.querySelectorAll("details");
  expect([first?.open, second?.open, third?.open]).toEqual([false, true, false]);
  expect(container.querySelectorAll("details")).toHaveLength(3);
  expect(screen.getByText("Test 2 (hidden)").parentElement?.textContent).toBe(
    "✕Test 2 (hidden)Wrong answer0.50 s900 KB",
  );
  expect(second?.textContent).toContain("Line 1: not 3.");
  expect(second?.querySelector("del")?.textContent).toBe("3");
  expect(second?.querySelector("ins")?.textContent).toBe("4");
  expect(second?.textContent).toContain("expected: 3");
  expect(second?.textContent).toContain("printed: 4");
  expect(await violations(container)).toEqual([]);
});

test("a closed test's texts are not rendered before it is opened", () => {
  const { container } = render(<TestResults of={judged([sample(1, { stdin: "the input" })])} />);
  expect(screen.queryByText("the input")).toBeNull();
  const details = container.querySelector("details") as HTMLDetailsElement;
  details.open = true;
  fireEvent(details, new Event("toggle"));
  expect(screen.getByText("the input")).toBeDefined();
});

test("a newer submission's results open anew", () => {
  const { container, rerender } = render(<TestResults of={judged([wrong(1), sample(2)])} />);
  rerender(<TestResults of={judged([sample(1), wrong(2)], { submission_id: "s2" })} />);
  expect([...container.querySelectorAll("details")].map(({ open }) => open)).toEqual([false, true]);
});

test("a hundred tests with 64 KB of different output each are shown", () => {
  const text = (start: number) => Array.from({ length: 6000 }, (_, at) => `${start + at * 7}`).join("\n");
  const large = { verdict: "wrong_answer", expected_output: text(0), stdout: text(1) } as const;
  const { container } = render(
    <TestResults of={judged(Array.from({ length: 100 }, (_, at) => sample(at + 1, large)))} />,
  );
  expect(container.querySelectorAll("details")).toHaveLength(100);
  expect(screen.getByText("The two differ too much to be compared line by line.")).toBeDefined();
  expect(container.querySelectorAll("*").length).toBeLessThan(1500);
});

test("what programs print is text, never markup, and no link but of the web is followed", () => {
  const evil = "<img src=x onerror=alert(1)>";
  const { container } = render(
    <TestResults
      of={judged(
        [wrong(1), sample(2)].map((each) => ({
          ...each,
          stdout: evil,
          stderr: evil,
          full_output_url: "javascript:alert(1)",
        })),
        {
          compile_output: evil,
        },
      )}
      onLine={() => {}}
    />,
  );
  expect(container.querySelector("img")).toBeNull();
  expect(container.querySelector("a")).toBeNull();
  expect(container.textContent).toContain(evil);
});

test("a cut output says so, and links to the whole", () => {
  const url = "https://storage.example/outputs/1";
  render(<TestResults of={judged([sample(1, { verdict: "runtime_error", truncated: true, full_output_url: url })])} />);
  expect(screen.getByText("Cut: only the beginning is shown.")).toBeDefined();
  expect(screen.getByRole("link").getAttribute("href")).toBe(url);
});

test("on own input only the output is shown", () => {
  const tests = [sample(1, { stdout: "42\n", expected_output: null })];
  const { container } = render(<TestResults of={judged(tests, { run_type: "run", stdin: "5" })} />);
  expect(screen.getByText("Output for your input")).toBeDefined();
  expect(container.querySelector("pre")?.textContent).toBe("42\n");
  expect(container.textContent).not.toContain("Accepted");
  expect(container.querySelector("details")).toBeNull();
});

test("lines that the compiler names lead to the editor", async () => {
  const onLine = vi.fn();
  const compile_output = `main.c:3:5: error: expected ';'\n  File "main.py", line 12\nMain.java:7: error: 5 errors at 10:30`;
  const { container } = render(
    <TestResults of={judged([], { verdict: "compilation_error", compile_output })} onLine={onLine} />,
  );
  expect(container.querySelector("pre")?.textContent).toBe(compile_output);
  const buttons = screen.getAllByRole("button");
  expect(buttons.map((button) => button.getAttribute("aria-label"))).toEqual([
    "Go to line 3",
    "Go to line 12",
    "Go to line 7",
  ]);
  fireEvent.click(buttons[1] as HTMLElement);
  expect(onLine).toHaveBeenCalledExactlyOnceWith(12);
  expect(await violations(container)).toEqual([]);
});

test("of many lines the first ten are stops for the keyboard, and all are shown", () => {
  const compile_output = Array.from({ length: 50 }, (_, at) => `main.c:${at + 1}:5: error`).join("\n");
  const { container } = render(
    <TestResults of={judged([], { verdict: "compilation_error", compile_output })} onLine={() => {}} />,
  );
  expect(screen.getAllByRole("button")).toHaveLength(10);
  expect(container.querySelector("pre")?.textContent).toBe(compile_output);
});

test("code in a message is shown as code, and a lone backtick as it is", () => {
  const message = "Line 1: `3 <b>` and not `4`. A lone ` stays.";
  const { container } = render(<TestResults of={judged([sample(1, { verdict: "wrong_answer", message })])} />);
  expect([...container.querySelectorAll("p code")].map(({ textContent }) => textContent)).toEqual(["3 <b>", "4"]);
  expect(container.textContent).toContain("Line 1: 3 <b> and not 4. A lone ` stays.");
});

test("outputs take the direction of what is in them", () => {
  const { container } = render(<TestResults of={judged([wrong(1)])} />);
  const directions = [...container.querySelectorAll("pre")].map(({ dir }) => dir);
  expect(new Set(directions)).toEqual(new Set(["auto"]));
});

test("before it is completed there are no results", () => {
  const { container } = render(<TestResults of={processing} />);
  expect(container.textContent).toBe("");
});

test("the score so far: each question, what counts of it, and the total", async () => {
  const attempt: Attempt = {
    attempt_id: "a1",
    exam: {
      exam_id: "e1",
      title: "Programming 1",
      closes_at: null,
      counts: "best",
      questions: [
        { question_id: "q1", title: "Two numbers", points: 100 },
        { question_id: "q2", title: "Palindromes", points: 50 },
        { question_id: "q3", title: "Paths", points: 50 },
      ],
    },
    scores: [
      { question_id: "q1", score: 40, points: 100, submission_id: "s1" },
      { question_id: "q2", score: 0, points: 50, submission_id: "long ago" },
      { question_id: "q3", score: null, points: 50, submission_id: null },
    ],
    submissions: [completed],
    next_page_token: null,
  };
  const { container } = render(<AttemptSummary attempt={attempt} />);
  const time = new Intl.DateTimeFormat("en", { timeStyle: "medium" }).format(new Date(completed.created_at));
  expect(screen.getByRole("heading").textContent).toBe("Programming 1");
  const rows = [...container.querySelectorAll("tr")].map((row) =>
    [...row.children].map(({ textContent }) => textContent),
  );
  expect(rows).toEqual([
    ["Question", "Score", "Counts"],
    ["Two numbers", "40 of 100", `Submit of ${time}`],
    ["Palindromes", "0 of 50", "an earlier Submit"],
    ["Paths", "– of 50", "nothing judged yet"],
    ["Total so far", "40 of 200", "Of each question the best Submit counts."],
  ]);
  expect(await violations(container)).toEqual([]);
});

test.each<[string, ReactElement]>([
  ["buttons", <RunButton key="run" run={state({ phase: "queued", ...run })} code="" />],
  ["results", <TestResults key="results" of={judged([wrong(1), hidden(2, "accepted")])} />],
])("axe finds nothing in the %s", async (_, element) => {
  expect(await violations(render(element).container)).toEqual([]);
});

/** Colours are not known here. */
async function violations(container: Element): Promise<string[]> {
  const found = await axe(container, { rules: { "color-contrast": { enabled: false }, region: { enabled: false } } });
  return found.violations.map(({ id }) => id);
}
