import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { StrictMode, useState, useSyncExternalStore } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { RunCodeClient, Submission, SubmissionRequest } from "./client";
import {
  QueueStatus,
  RunButton,
  RunCodeProvider,
  SubmitButton,
  type UseSubmission,
  useAttempt,
  useClient,
  useOutbox,
  useSecondsUntil,
  useSubmission,
} from "./index";
import {
  type Answer,
  completed,
  FakeService,
  ok,
  processing,
  queued,
  refusal,
  setHidden,
  setOnline,
  submission,
} from "./testing";

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-03-01T10:00:00Z") });
  localStorage.clear();
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const accepted: Answer = { status: 202, body: { ...queued, receipt: "proof" }, headers: { "Retry-After": "2" } };
const target = { attemptId: "a1", questionId: "q1", language: "python" };
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));
const press = (name: string) => fireEvent.click(screen.getByRole("button", { name }));
const status = () => screen.getAllByRole("status").map(({ textContent }) => textContent);

let submit: UseSubmission;
let run: UseSubmission;

function Buttons() {
  submit = useSubmission({ ...target, runType: "submit" });
  run = useSubmission({ ...target, runType: "run" });
  return (
    <>
      <RunButton run={run} code="print(1)" stdin="5" />
      <SubmitButton run={submit} code="print(1)" />
      <QueueStatus of={submit} />
    </>
  );
}

function open(client: RunCodeClient, children = <Buttons />) {
  return render(
    <RunCodeProvider client={client} scope="alice">
      {children}
    </RunCodeProvider>,
  );
}

test("from the press to the verdict: one POST, a poll every 2 s, nothing after the end", async () => {
  const service = new FakeService([accepted, ok(queued), ok(processing), ok(completed)]);
  open(service.client());
  expect(submit.phase).toBe("idle");
  press("Submit");
  expect(submit.phase).toBe("sending");
  await pass(0);
  expect(submit.phase).toBe("queued");
  expect(submit.request).toMatchObject({ code: "print(1)", run_type: "submit" });
  await pass(4001);
  expect(submit.phase).toBe("processing");
  await pass(600_000);
  expect(submit).toMatchObject({ phase: "completed", submission: completed, receipt: "proof", problem: null });
  expect(service.log).toEqual([
    "0 POST /submissions",
    "2000 GET /submissions/s1",
    "4000 GET /submissions/s1",
    "6000 GET /submissions/s1",
  ]);
});

test("a double click sends one POST, also in React's StrictMode", async () => {
  const service = new FakeService([accepted, ok(queued)]);
  open(
    service.client(),
    <StrictMode>
      <Buttons />
    </StrictMode>,
  );
  press("Submit");
  fireEvent.click(screen.getByRole("button", { name: "Sending…" }));
  await pass(0);
  fireEvent.click(screen.getByRole("button", { name: "Waiting…" }));
  await pass(2500);
  expect(service.log).toEqual(["0 POST /submissions", "2000 GET /submissions/s1"]);
});

test("a page that is opened again in StrictMode sends what waited once, and asks for what was recorded once", async () => {
  setOnline(false);
  const service = new FakeService([accepted, ok(queued)]);
  const first = open(service.client());
  press("Submit");
  await pass(0);
  first.unmount();
  setOnline(true);
  const strict = (
    <StrictMode>
      <RunCodeProvider client={service.client()} scope="alice">
        <Buttons />
      </RunCodeProvider>
    </StrictMode>
  );
  const second = render(strict);
  await pass(100);
  expect(service.log).toEqual(["0 POST /submissions"]);
  second.unmount();
  render(
    <StrictMode>
      <RunCodeProvider client={service.client()} scope="alice">
        <Buttons />
      </RunCodeProvider>
    </StrictMode>,
  );
  expect(submit.phase).toBe("queued");
  await pass(100);
  expect(service.log).toEqual(["0 POST /submissions", "100 GET /submissions/s1"]);
});

test("a reload while it is judged comes back to the same submission", async () => {
  const service = new FakeService([accepted, ok(processing), ok(processing), ok(completed)]);
  const before = open(service.client());
  press("Submit");
  await pass(2500);
  expect(submit.phase).toBe("processing");
  before.unmount();
  open(service.client());
  expect(submit).toMatchObject({ phase: "queued", submission: null, receipt: "proof" });
  await pass(0);
  expect(submit.phase).toBe("processing");
  await pass(60_000);
  expect(submit.phase).toBe("completed");
  expect(service.times).toEqual([0, 2000, 2500, 4500]);
});

test("a reload after the end shows it again, with one question to the service", async () => {
  const service = new FakeService([accepted, ok(completed)]);
  const before = open(service.client());
  press("Submit");
  await pass(10_000);
  before.unmount();
  open(service.client());
  await pass(60_000);
  expect(submit.phase).toBe("completed");
  expect(service.times).toEqual([0, 2000, 10_000]);
});

test("components that show the same share one poll", async () => {
  const service = new FakeService([accepted, ok(queued), ok(queued), ok(completed)]);
  open(
    service.client(),
    <>
      <Buttons />
      <Another />
    </>,
  );
  press("Submit");
  await pass(60_000);
  expect(service.times).toEqual([0, 2000, 4000, 6000]);
  expect(status()).toEqual(Array(2).fill("Accepted: 100 of 100 points.Judged and recorded. 10 of 10 tests passed."));
});

function Another() {
  return <QueueStatus of={useSubmission({ ...target, runType: "submit" })} />;
}

test("what is shown no more is not asked for; shown again it is, when it is due", async () => {
  const service = new FakeService([accepted, ok(queued)]);
  open(service.client(), <Leaving />);
  press("Submit");
  await pass(2100);
  press("leave or come back");
  await pass(600_000);
  expect(service.times).toEqual([0, 2000]);
  press("leave or come back");
  await pass(0);
  press("leave or come back");
  await pass(0);
  press("leave or come back");
  await pass(1999);
  expect(service.times).toEqual([0, 2000, 602_100]);
});

test.each([
  ["completed", [0, 2000]],
  ["failed", [0, 2000, 60_000]], // staff may have had it judged again
] as const)("an end that is looked at again: %s", async (end, times) => {
  const service = new FakeService([accepted, ok(submission({ status: end }))]);
  open(service.client(), <Leaving />);
  press("Submit");
  await pass(59_000);
  press("leave or come back");
  await pass(1000);
  press("leave or come back");
  await pass(10_000);
  expect(service.times).toEqual(times);
});

test("a press is sent although its question is left before the answer", async () => {
  const service = new FakeService(["lost", accepted, ok(queued)]);
  open(service.client(), <Leaving />);
  press("Submit");
  await pass(0);
  press("leave or come back");
  await pass(60_000);
  expect(service.log).toEqual(["0 POST /submissions", "1000 POST /submissions"]);
});

function Leaving() {
  const [shown, setShown] = useState(true);
  return (
    <>
      <button type="button" onClick={() => setShown(!shown)}>
        leave or come back
      </button>
      {shown && <Buttons />}
    </>
  );
}

test("nothing is asked once the page's part is closed", async () => {
  const service = new FakeService([accepted, ok(queued)]);
  const { unmount } = open(service.client());
  press("Submit");
  await pass(100);
  unmount();
  await pass(60_000);
  expect(service.times).toEqual([0]);
});

test("a Run and a Submit go their own ways", async () => {
  const service = new FakeService(({ method, body, path }) => {
    const type = method === "POST" ? (body as SubmissionRequest).run_type : path.endsWith("run") ? "run" : "submit";
    return ok(
      submission({ submission_id: `id-${type}`, run_type: type, status: method === "POST" ? "queued" : "completed" }),
    );
  });
  open(service.client());
  press("Run");
  press("Submit");
  await pass(60_000);
  expect(service.log.sort()).toEqual([
    "0 POST /submissions",
    "0 POST /submissions",
    "2000 GET /submissions/id-run",
    "2000 GET /submissions/id-submit",
  ]);
  expect(service.asked[0]?.body).toMatchObject({ run_type: "run", stdin: "5" });
  expect(service.asked[1]?.body).not.toHaveProperty("stdin");
  expect([run.phase, submit.phase]).toEqual(["completed", "completed"]);
});

test("a judging that was broken off is shown back in line", async () => {
  const service = new FakeService([accepted, ok(processing), ok(queued), ok(queued), ok(processing), ok(completed)]);
  open(service.client());
  press("Submit");
  const seen: string[] = [];
  for (let poll = 0; poll < 6; poll += 1) {
    await pass(poll === 0 ? 1 : 2000);
    seen.push(submit.phase + (submit.returned ? " again" : ""));
  }
  expect(seen).toEqual(["queued", "processing", "queued again", "queued again", "processing", "completed"]);
});

test.each(["superseded", "cancelled", "failed"] as const)("%s is an end", async (end) => {
  const service = new FakeService([accepted, ok(submission({ status: end }))]);
  open(service.client());
  press("Submit");
  await pass(60_000);
  expect(service.times).toEqual([0, 2000]);
  expect(submit.phase).toBe(end);
  press("Submit");
  await pass(0);
  expect(service.log.at(-1)).toBe("60000 POST /submissions");
});

test("a refusal says why, and the next press is a new one", async () => {
  const service = new FakeService([refusal(403), accepted, ok(queued)]);
  open(service.client());
  press("Submit");
  await pass(0);
  expect(submit).toMatchObject({ phase: "refused", problem: { status: 403, detail: "refused with 403" } });
  press("Submit");
  await pass(0);
  expect(submit).toMatchObject({ phase: "queued", problem: null });
  const keys = service.asked.map(({ headers }) => headers.get("Idempotency-Key"));
  expect(new Set(keys).size).toBe(2);
});

test("a proxy that blocks a poll does not undo what was recorded", async () => {
  const service = new FakeService([accepted, { status: 403, html: "<html>Blocked</html>" }, ok(completed)]);
  open(service.client());
  press("Submit");
  await pass(2500);
  expect(submit).toMatchObject({ phase: "queued", connection: { state: "unreachable" } });
  await pass(60_000);
  expect(submit.phase).toBe("completed");
});

test("what may not be seen any more was recorded all the same, and another can be sent", async () => {
  const service = new FakeService([accepted, ok(processing), refusal(403), accepted, ok(queued)]);
  open(service.client());
  press("Submit");
  await pass(60_000);
  expect(submit).toMatchObject({ phase: "lost", submission: processing, problem: { status: 403 } });
  press("Submit");
  await pass(0);
  expect(service.log.at(-1)).toBe("60000 POST /submissions");
  expect(submit.phase).toBe("queued");
});

test("an end that was seen stays, also where it cannot be asked for again", async () => {
  const service = new FakeService([accepted, ok(submission({ status: "failed" })), refusal(404)]);
  open(service.client(), <Leaving />);
  press("Submit");
  await pass(59_000);
  press("leave or come back");
  await pass(1000);
  press("leave or come back");
  await pass(10_000);
  expect(service.times).toEqual([0, 2000, 60_000]);
  expect(submit.phase).toBe("failed");
});

test("what the service does not know any more is not asked for again, and can be sent anew", async () => {
  const service = new FakeService([accepted, refusal(404), accepted, ok(queued)]);
  open(service.client());
  press("Submit");
  await pass(60_000);
  expect(submit).toMatchObject({ phase: "lost", problem: { status: 404 }, receipt: "proof" });
  expect(status()).toEqual(["It was recorded.The service does not show it any more (refused with 404). See History."]);
  expect(service.times).toEqual([0, 2000]);
  press("Submit");
  await pass(0);
  expect(service.log.at(-1)).toBe("60000 POST /submissions");
});

test("sent too often, it says when it is sent again, and sends it then", async () => {
  const service = new FakeService([refusal(429, { "Retry-After": "9" }), accepted, ok(queued)]);
  open(service.client());
  press("Submit");
  await pass(0);
  expect(submit).toMatchObject({ phase: "sending", sentAgainAt: Date.now() + 9000, problem: { status: 429 } });
  await pass(9000);
  expect(submit).toMatchObject({ phase: "queued", sentAgainAt: null, problem: null });
  expect(service.times).toEqual([0, 9000]);
});

test("signed out while it is judged: it waits for the new token, in sight of the student", async () => {
  const service = new FakeService([accepted, refusal(401), ok(completed)]);
  const client = service.client();
  open(client);
  press("Submit");
  await pass(60_000);
  expect(submit).toMatchObject({ phase: "queued", connection: { state: "signed_out" } });
  expect(service.times).toEqual([0, 2000]);
  act(() => client.signedIn());
  await pass(0);
  expect(service.times).toEqual([0, 2000, 60_000]);
  expect(submit.phase).toBe("completed");
});

test("offline for 10 s and hidden for an hour it asks nothing, and then at once", async () => {
  const service = new FakeService([accepted, ok(processing), ok(processing), ok(completed)]);
  open(service.client());
  press("Submit");
  await pass(2100);
  act(() => setOnline(false));
  await pass(10_000);
  expect(submit).toMatchObject({ phase: "processing", connection: { state: "offline" } });
  act(() => setOnline(true));
  await pass(100);
  expect(service.times).toEqual([0, 2000, 12_100]);
  act(() => setHidden(true));
  await pass(3_600_000);
  expect(service.times).toEqual([0, 2000, 12_100]);
  act(() => setHidden(false));
  await pass(0);
  expect(service.times).toEqual([0, 2000, 12_100, 3_612_200]);
  expect(submit.phase).toBe("completed");
});

test("the wait is counted from the answer, and the countdown never counts up by itself", async () => {
  const service = new FakeService([accepted, ok(submission({ estimated_wait_seconds: 7.5, queue_position: 3 }))]);
  open(service.client());
  press("Submit");
  await pass(0);
  expect(submit.beginsAt).toBe(Date.now() + 8000);
  expect(screen.getByText("About 8 s until judging begins.")).toBeDefined();
  await pass(1000);
  expect(screen.getByText("About 7 s until judging begins.")).toBeDefined();
  await pass(1001);
  expect(submit.beginsAt).toBe(Date.now() - 1 + 8000 - 2000); // 9.5 s would be no news
});

test("the countdown goes on over answers that say nothing new, and starts anew where the wait is another", async () => {
  const waits = (seconds: number) => ok(submission({ estimated_wait_seconds: seconds }), { ETag: `"${seconds}"` });
  const unchanged: Answer = { status: 304, headers: { ETag: '"8"' } };
  const service = new FakeService([accepted, waits(8), unchanged, unchanged, waits(30)]);
  open(service.client());
  press("Submit");
  await pass(2001);
  const begins = submit.beginsAt;
  await pass(4000);
  expect(service.times).toEqual([0, 2000, 4000, 6000]);
  expect(submit.beginsAt).toBe(begins);
  expect(screen.getByText("About 2 s until judging begins.")).toBeDefined();
  await pass(2000);
  expect(screen.getByText("About 30 s until judging begins.")).toBeDefined();
});

test("where this machine's clock is set, countdowns go on and the attempt is asked for again", async () => {
  const begun = Date.now();
  const origin = performance.now();
  const late = { by: 0 };
  const now = () => begun + performance.now() - origin + late.by;
  const service = new FakeService(() => ok({ attempt_id: "a1" }, { Date: new Date(now()).toUTCString() }));
  const client = service.client();
  const left = () => Number(screen.getByRole("timer").textContent);
  open(client, <Deadline closesAt="2026-03-01T10:10:00Z" />);
  await pass(1000);
  expect(left()).toBe(599);
  vi.setSystemTime(Date.now() + 3_600_000);
  await pass(1000);
  expect(left()).toBe(598);
  expect(service.asked).toHaveLength(2);
  await pass(300_000);
  expect(left()).toBe(298);
  expect(service.asked).toHaveLength(2);

  // The machine slept for a minute: its monotonic clock stood still, the other two did not.
  late.by = 60_000;
  vi.setSystemTime(Date.now() + 60_000);
  document.dispatchEvent(new Event("visibilitychange"));
  await pass(0);
  expect(service.asked).toHaveLength(3);
  expect(left()).toBe(238);
});

test("cancelled while it waits in line, it is not asked for any more", async () => {
  const service = new FakeService([accepted, ok(submission({ status: "cancelled" }))]);
  open(service.client());
  press("Submit");
  await pass(100);
  press("Cancel the waiting Submit");
  await pass(60_000);
  expect(service.log).toEqual(["0 POST /submissions", "100 DELETE /submissions/s1"]);
  expect(submit.phase).toBe("cancelled");
});

test("too late to be cancelled, it is judged and shown", async () => {
  const service = new FakeService([accepted, refusal(409), ok(processing), ok(completed)]);
  open(service.client());
  press("Submit");
  await pass(100);
  press("Cancel the waiting Submit");
  await pass(100);
  expect(submit).toMatchObject({ phase: "queued", problem: { status: 409 } });
  expect(status()).toEqual(["Recorded. 4th in line.It could not be cancelled. refused with 409"]);
  await pass(60_000);
  expect(submit).toMatchObject({ phase: "completed", problem: null });
});

function Deadline({ closesAt }: { closesAt: string }) {
  useAttempt("a1");
  return <p role="timer">{useSecondsUntil(useClient().localTime(closesAt))}</p>;
}

test("cancelled while nobody knows whether it was recorded: it says so until it is cancelled there", async () => {
  const gone = submission({ status: "cancelled" });
  const service = new FakeService(["lost", "lost", ok(queued), { status: 200, body: gone, takes: 500 }, ok(gone)]);
  open(service.client());
  press("Submit");
  await pass(100);
  expect(submit).toMatchObject({ phase: "sending", unwanted: false });
  press("Cancel the waiting Submit");
  expect(submit).toMatchObject({ phase: "sending", unwanted: true });
  expect(screen.getByRole("button", { name: "Cancelling…" })).toBeDefined();
  expect(screen.queryByRole("button", { name: "Cancel the waiting Submit" })).toBeNull();
  await pass(3000);
  expect(submit).toMatchObject({ phase: "queued", unwanted: true });
  await pass(60_000);
  expect(submit).toMatchObject({ phase: "cancelled", unwanted: false });
  expect(service.log.slice(2, 4)).toEqual(["3000 POST /submissions", "3000 DELETE /submissions/s1"]);
});

test("where storage is full the page says that closing it loses what is not sent", async () => {
  vi.spyOn(globalThis.Storage.prototype, "setItem").mockImplementation(() => {
    throw new DOMException("full", "QuotaExceededError");
  });
  open(new FakeService(["lost"]).client());
  press("Submit");
  await pass(100);
  expect(submit).toMatchObject({ phase: "sending", kept: false });
  expect(status()).toEqual(["No answer yetKept only while this page is open: do not close or reload it."]);
});

test("a page can ask whether anything is unsent", async () => {
  const service = new FakeService(["lost", accepted, ok(queued)]);
  open(
    service.client(),
    <>
      <Buttons />
      <Unsent />
    </>,
  );
  const unsent = () => screen.queryByText("A Submit is not sent yet.") !== null;
  expect(unsent()).toBe(false);
  press("Submit");
  await pass(0);
  expect(unsent()).toBe(true);
  await pass(1000);
  expect(unsent()).toBe(false);
});

function Unsent() {
  const outbox = useOutbox();
  return useSyncExternalStore(outbox.subscribe, () => outbox.hasUnsent()) && <p>A Submit is not sent yet.</p>;
}

test("cancelled before it could be sent, it is gone", async () => {
  setOnline(false);
  const service = new FakeService([accepted]);
  open(service.client());
  press("Submit");
  await pass(1000);
  press("Cancel the waiting Submit");
  expect(submit.phase).toBe("idle");
  act(() => setOnline(true));
  await pass(60_000);
  expect(service.times).toEqual([]);
});

test("an end can be put out of sight, what is under way cannot", async () => {
  const service = new FakeService([accepted, ok(completed)]);
  open(service.client());
  press("Submit");
  act(() => submit.forget());
  await pass(0);
  act(() => submit.forget());
  expect(submit.phase).toBe("queued");
  await pass(10_000);
  act(() => submit.forget());
  expect(submit).toMatchObject({ phase: "idle", submission: null, request: null });
});

test("the scores are asked for again when a submission was judged before our eyes, not when it is only shown again", async () => {
  const attempt = { attempt_id: "a1", scores: [] };
  const answer = (judged: Submission) => (asked: { method: string; path: string }) =>
    asked.path.startsWith("/attempts") ? ok(attempt) : asked.method === "POST" ? accepted : ok(judged);
  const service = new FakeService(answer(completed));
  const before = open(service.client(), <WithScores />);
  await pass(0);
  press("Submit");
  await pass(60_000);
  expect(service.log).toEqual([
    "0 GET /attempts/a1",
    "0 POST /submissions",
    "2000 GET /submissions/s1",
    "2000 GET /attempts/a1",
  ]);
  before.unmount();
  open(service.client(), <WithScores />);
  await pass(60_000);
  expect(service.log.slice(4).sort()).toEqual(["60000 GET /attempts/a1", "60000 GET /submissions/s1"]);
});

function WithScores() {
  useAttempt("a1");
  return <Buttons />;
}

test("a plain question is asked again while the service is away, not when it is refused; and after signing in", async () => {
  const service = new FakeService([
    refusal(503, { "Retry-After": "3" }),
    "lost",
    refusal(401),
    ok({ attempt_id: "a1" }),
  ]);
  const client = service.client();
  vi.spyOn(Math, "random").mockReturnValue(0);
  open(client, <WithScores />);
  await pass(60_000);
  expect(service.times).toEqual([0, 3000, 5000]);
  act(() => client.signedIn());
  await pass(0);
  expect(service.times).toEqual([0, 3000, 5000, 60_000]);
});

test("after a refusal the attempt is asked for again: it is not as it was known", async () => {
  const service = new FakeService([ok({ attempt_id: "a1" }), refusal(403), ok({ attempt_id: "a1" })]);
  open(service.client(), <WithScores />);
  await pass(1000);
  press("Submit");
  await pass(60_000);
  expect(service.log).toEqual(["0 GET /attempts/a1", "1000 POST /submissions", "1000 GET /attempts/a1"]);
});

test("the host page's own QueryClient is used where there is one", async () => {
  const queryClient = new QueryClient({
    defaultOptions: { queries: { staleTime: 1000, retry: 7, refetchInterval: 500 } },
  });
  const service = new FakeService([accepted, ok(completed)]);
  render(
    <QueryClientProvider client={queryClient}>
      <RunCodeProvider client={service.client()} scope="alice">
        <Buttons />
      </RunCodeProvider>
    </QueryClientProvider>,
  );
  press("Submit");
  await pass(60_000);
  expect(queryClient.getQueryData(["run-code", "alice", "submission", "s1"])).toMatchObject({ submission: completed });
  expect(service.times).toEqual([0, 2000]);
});

test("two students of one page do not see each other's", async () => {
  const service = new FakeService([accepted, ok(queued)]);
  const client = service.client();
  const { rerender } = open(client);
  press("Submit");
  await pass(0);
  expect(submit.phase).toBe("queued");
  rerender(
    <RunCodeProvider client={client} scope="bob">
      <Buttons />
    </RunCodeProvider>,
  );
  expect(submit.phase).toBe("idle");
  await pass(60_000);
  expect(service.times).toEqual([0]);
});

test("outside of its provider it says what is missing", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  expect(() => render(<Buttons />)).toThrow("RunCodeProvider is missing");
});
