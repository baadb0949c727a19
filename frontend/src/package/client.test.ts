import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Connection, RunCodeClient, Submission } from "./client";
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
import { Problem } from "./wire";

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-03-01T10:00:00Z") });
});

afterEach(() => {
  vi.useRealTimers();
});

interface Watch {
  states: string[];
  outcome: () => Promise<Submission>;
  stop: AbortController;
}

/** Polls "s1" and notes every change as "queued live". */
function watch(client: RunCodeClient): Watch {
  const states: string[] = [];
  const stop = new AbortController();
  const note = (submission: Submission | null, connection: Connection) => {
    const retryAt = "retryAt" in connection ? ` +${connection.retryAt - Date.now()}` : "";
    const state = `${submission?.status ?? "unknown"} ${connection.state}${retryAt}`;
    if (state !== states.at(-1)) states.push(state);
  };
  const outcome = client.poll("s1", note, stop.signal);
  outcome.catch(() => {});
  return { states, outcome: () => outcome, stop };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("asks at once, then every 2 s, and stops at a final status", async () => {
  const service = new FakeService([ok(queued), ok(queued), ok(processing), ok(completed, {})]);
  const { states, outcome } = watch(service.client());
  await pass(0);
  expect(service.times).toEqual([0]);
  await pass(60_000);
  expect(service.times).toEqual([0, 2000, 4000, 6000]);
  expect(service.log[0]).toBe("0 GET /submissions/s1");
  expect(await outcome()).toEqual(completed);
  expect(states).toEqual(["queued live", "processing live", "completed live"]);
});

test.each(["completed", "failed", "cancelled", "superseded"] as const)("nothing is asked after %s", async (status) => {
  const service = new FakeService([ok(submission({ status }), { "Retry-After": "2" })]);
  const { outcome } = watch(service.client());
  await pass(120_000);
  expect(service.times).toEqual([0]);
  expect((await outcome()).status).toBe(status);
});

test("asks when Retry-After says, which may be at another time for each answer", async () => {
  const service = new FakeService([
    ok(queued, { "Retry-After": "5" }),
    ok(queued, { "Retry-After": "1.5" }),
    ok(submission({ poll_after_seconds: 3 }), {}),
    ok(submission({ poll_after_seconds: null }), {}),
    ok(completed),
  ]);
  watch(service.client());
  await pass(60_000);
  expect(service.times).toEqual([0, 5000, 6500, 9500, 11_500]);
});

test("a Retry-After of 0 does not make it ask without end", async () => {
  const service = new FakeService([ok(queued, { "Retry-After": "0" })]);
  watch(service.client());
  await pass(5000);
  expect(service.times).toEqual([0, 1000, 2000, 3000, 4000, 5000]);
});

test("a Retry-After beyond what a timer can hold does not make it ask at once", async () => {
  const service = new FakeService([ok(queued, { "Retry-After": "99999999" })]);
  watch(service.client());
  await pass(600_000);
  expect(service.times).toEqual([0]);
});

test("a poll counts its wait from the answer, not from the question", async () => {
  const slow: Answer = { status: 200, body: queued, headers: { "Retry-After": "2" }, takes: 1500 };
  const service = new FakeService([slow, ok(completed)]);
  watch(service.client());
  await pass(10_000);
  expect(service.times).toEqual([0, 3500]);
});

test("after its POST was answered, the first poll comes when that answer said", async () => {
  const service = new FakeService([{ status: 202, body: queued, headers: { "Retry-After": "2" } }, ok(completed)]);
  const client = service.client();
  await client.submit(
    { attempt_id: "a1", question_id: "q1", language: "python", code: "1", run_type: "submit" },
    "key",
  );
  const { states } = watch(client);
  await pass(10_000);
  expect(service.log).toEqual(["0 POST /submissions", "2000 GET /submissions/s1"]);
  expect(states).toEqual(["queued live", "completed live"]);
});

test("a poll that begins again soon after another waits for its turn", async () => {
  const service = new FakeService([ok(queued)]);
  const client = service.client();
  const first = watch(client);
  await pass(500);
  first.stop.abort();
  watch(client);
  await pass(1499);
  expect(service.times).toEqual([0]);
  await pass(1);
  expect(service.times).toEqual([0, 2000]);
});

test("a final answer that was just given is not asked for again, an old one is", async () => {
  const service = new FakeService([ok(completed)]);
  const client = service.client();
  await watch(client).outcome();
  await watch(client).outcome();
  expect(service.times).toEqual([0]);
  await pass(2000);
  await watch(client).outcome();
  expect(service.times).toEqual([0, 2000]);
});

test("sends the ETag, and a 304 is the submission that is known", async () => {
  const service = new FakeService([
    ok(queued, { ETag: '"one"', "Retry-After": "2" }),
    { status: 304, headers: { ETag: '"one"', "Retry-After": "4" } },
    ok(completed, { ETag: '"two"' }),
  ]);
  const client = service.client();
  const arrivals: (number | null)[] = [];
  client.poll("s1", (_, __, arrivedAt) => arrivals.push(arrivedAt === null ? null : arrivedAt - Date.now()));
  await pass(10_000);
  expect(service.times).toEqual([0, 2000, 6000]);
  expect(service.asked.map(({ headers }) => headers.get("If-None-Match"))).toEqual([null, '"one"', '"one"']);
  expect(arrivals).toEqual([0, -2000, 0]); // nothing new came with the 304
  expect(client.lastKnown("s1")).toEqual(completed);
});

test("a hidden tab asks nothing, and asks at once when it is seen again after a poll was due", async () => {
  const service = new FakeService([ok(queued)]);
  const { states } = watch(service.client());
  await pass(500);
  setHidden(true);
  await pass(3_600_000);
  expect(service.times).toEqual([0]);
  setHidden(false);
  await pass(0);
  expect(service.times).toEqual([0, 3_600_500]);
  expect(states).toEqual(["queued live", "queued hidden", "queued live"]);
});

test("a tab that was hidden for a moment waits for the rest of its 2 s", async () => {
  const service = new FakeService([ok(queued)]);
  watch(service.client());
  await pass(500);
  setHidden(true);
  await pass(500);
  setHidden(false);
  await pass(999);
  expect(service.times).toEqual([0]);
  await pass(1);
  expect(service.times).toEqual([0, 2000]);
});

test("a tab that was opened hidden asks when it is seen", async () => {
  setHidden(true);
  const service = new FakeService([ok(queued)]);
  const { states } = watch(service.client());
  await pass(60_000);
  expect(service.times).toEqual([]);
  expect(states).toEqual(["unknown hidden"]);
  setHidden(false);
  await pass(0);
  expect(service.times).toEqual([60_000]);
});

test("a lost network is tried again with a doubling wait, which an answer resets", async () => {
  const service = new FakeService(["lost", "lost", "lost", ok(queued), "lost", ok(completed)]);
  const { states } = watch(service.client());
  await pass(60_000);
  expect(service.times).toEqual([0, 1000, 3000, 7000, 9000, 10_000]);
  expect(states).toEqual([
    "unknown unreachable +1000",
    "unknown unreachable +2000",
    "unknown unreachable +4000",
    "queued live",
    "queued unreachable +1000",
    "completed live",
  ]);
});

test("chance spreads the tries after a failure", async () => {
  const service = new FakeService(["lost"]);
  watch(service.client({ random: () => 1 }));
  await pass(12_000);
  expect(service.times).toEqual([0, 750, 2250, 5250, 11_250]);
});

test("the waits after failures stop growing at 30 s", async () => {
  const service = new FakeService(["lost"]);
  watch(service.client());
  await pass(121_000);
  expect(service.times).toEqual([0, 1000, 3000, 7000, 15_000, 31_000, 61_000, 91_000, 121_000]);
});

test("an answer that does not come within 15 s is given up, its request aborted", async () => {
  const service = new FakeService(["silent", ok(completed)]);
  const { states } = watch(service.client());
  await pass(14_999);
  expect(states).toEqual([]);
  await pass(1001);
  expect(service.times).toEqual([0, 16_000]);
  expect(states).toEqual(["unknown unreachable +1000", "completed live"]);
});

test("a page that is not the service's answer counts as no answer", async () => {
  const portal = async () => new Response("<html>Sign in to the network</html>", { status: 200 });
  const client = new FakeService([]).client({ fetch: portal });
  await expect(client.submission("s1")).rejects.toMatchObject({ status: 0, detail: "The answer was not understood." });
});

test("429 is asked again after its Retry-After", async () => {
  const service = new FakeService([refusal(429, { "Retry-After": "7" }), refusal(429), ok(completed)]);
  const { states } = watch(service.client());
  await pass(60_000);
  expect(service.times).toEqual([0, 7000, 17_000]);
  expect(states).toEqual(["unknown rate_limited +7000", "unknown rate_limited +10000", "completed live"]);
});

test("503 is asked again after its Retry-After, other 5xx with a doubling wait", async () => {
  const service = new FakeService([refusal(503, { "Retry-After": "3" }), refusal(500), refusal(502), ok(completed)]);
  const { states } = watch(service.client());
  await pass(60_000);
  expect(service.times).toEqual([0, 3000, 5000, 9000]);
  expect(states.slice(0, 2)).toEqual(["unknown unreachable +3000", "unknown unreachable +2000"]);
});

test.each([403, 404])("%s ends the poll with the problem", async (status) => {
  const service = new FakeService([ok(queued), refusal(status)]);
  const { outcome } = watch(service.client());
  await pass(60_000);
  expect(service.times).toEqual([0, 2000]);
  await expect(outcome()).rejects.toMatchObject({ name: "Problem", status, detail: `refused with ${status}` });
});

test("offline nothing is asked; back online at once", async () => {
  const service = new FakeService([ok(queued), ok(completed)]);
  const { states } = watch(service.client());
  await pass(100);
  setOnline(false);
  await pass(20_000);
  expect(service.times).toEqual([0]);
  setOnline(true);
  await pass(0);
  expect(service.times).toEqual([0, 20_100]);
  expect(states).toEqual(["queued live", "queued offline", "queued live", "completed live"]);
});

test("a browser that says it is offline may be wrong: it is tried anyway, twice a minute, but not while hidden", async () => {
  setOnline(false);
  const service = new FakeService(["lost", "lost", ok(completed)]);
  const { states } = watch(service.client());
  await pass(60_000);
  expect(service.times).toEqual([30_000, 60_000]);
  setHidden(true);
  await pass(600_000);
  expect(service.times).toHaveLength(2);
  setHidden(false);
  await pass(0);
  expect(service.times).toEqual([30_000, 60_000, 660_000]);
  expect(states).toEqual(["unknown offline", "completed live"]);
});

test("back online it asks at once, also in the middle of a long wait after failures", async () => {
  const service = new FakeService(["lost", "lost", "lost", "lost", "lost", ok(completed)]);
  const { states } = watch(service.client());
  await pass(16_000);
  setOnline(false);
  await pass(1000);
  setOnline(true);
  await pass(0);
  expect(service.times).toEqual([0, 1000, 3000, 7000, 15_000, 17_000]);
  expect(states.slice(-3)).toEqual(["unknown offline", "unknown live", "completed live"]);
});

test("online again in a hidden tab, it still waits to be seen", async () => {
  const service = new FakeService([ok(queued)]);
  watch(service.client());
  await pass(100);
  setOnline(false);
  setHidden(true);
  setOnline(true);
  await pass(60_000);
  expect(service.times).toEqual([0]);
  setHidden(false);
  await pass(0);
  expect(service.times).toEqual([0, 60_100]);
});

test("after 401 nothing is asked until there is a new token, then at once and with it", async () => {
  let token = "old";
  const service = new FakeService(({ headers }) =>
    headers.get("Authorization") === "Bearer new" ? ok(completed) : refusal(401),
  );
  const client = service.client({ token: () => token });
  const { states } = watch(client);
  await pass(600_000);
  expect(service.times).toEqual([0]);
  token = "new";
  client.signedIn();
  await pass(0);
  expect(service.times).toEqual([0, 600_000]);
  expect(states).toEqual(["unknown signed_out", "unknown live", "completed live"]);
});

test("the same token may be tried again, where the page says that it signed in", async () => {
  const service = new FakeService([refusal(401), ok(completed)]);
  const client = service.client();
  watch(client);
  await pass(1000);
  client.signedIn();
  await pass(0);
  expect(service.times).toEqual([0, 1000]);
});

test("a token that was renewed while its 401 was on the way is used at once", async () => {
  let token = "old";
  const service = new FakeService([{ ...(refusal(401) as object), status: 401, takes: 1000 }, ok(completed)]);
  watch(service.client({ token: () => token }));
  await pass(500);
  token = "new";
  await pass(500);
  expect(service.times).toEqual([0, 1000]);
});

test("where each new token is refused it does not ask without end", async () => {
  let tokens = 0;
  const service = new FakeService([refusal(401)]);
  const token = () => {
    tokens += 1;
    return `token ${tokens}`;
  };
  watch(service.client({ token }));
  await pass(10_000);
  expect(service.times).toEqual([0, 0, 1000, 3000, 7000]);
});

test("without a token nothing is asked", async () => {
  const service = new FakeService([ok(completed)]);
  const { states } = watch(service.client({ token: () => null }));
  await pass(60_000);
  expect(service.times).toEqual([]);
  expect(states).toEqual(["unknown signed_out"]);
});

test.each([
  ["between two polls", ok(queued)],
  ["while an answer is awaited", "silent" as const],
  ["while it waits after a failure", "lost" as const],
])("aborted %s it asks no more", async (_, answer) => {
  const service = new FakeService([answer]);
  const { stop, outcome, states } = watch(service.client());
  await pass(500);
  const before = states.length;
  stop.abort(new Error("enough"));
  await expect(outcome()).rejects.toThrow("enough");
  expect(vi.getTimerCount()).toBe(0);
  await pass(60_000);
  expect(service.times).toEqual([0]);
  expect(states).toHaveLength(before);
});

test("a poll that is given up in the breath it began asks nothing", async () => {
  const service = new FakeService([ok(queued)]);
  const { stop } = watch(service.client());
  stop.abort();
  await pass(60_000);
  expect(service.times).toEqual([]);
});

test("listens to nothing once it is over", async () => {
  const added = [vi.spyOn(window, "addEventListener"), vi.spyOn(document, "addEventListener")];
  const removed = [vi.spyOn(window, "removeEventListener"), vi.spyOn(document, "removeEventListener")];
  const service = new FakeService([ok(queued), "lost", ok(completed)]);
  watch(service.client());
  await pass(60_000);
  const count = (spies: { mock: { calls: unknown[] } }[]) =>
    spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
  expect(count(added)).toBeGreaterThan(0);
  expect(count(removed)).toBeGreaterThanOrEqual(count(added));
  expect(vi.getTimerCount()).toBe(0);
});

test("submit sends the request once, with its key and the token", async () => {
  const service = new FakeService(["lost"]);
  const request = { attempt_id: "a1", question_id: "q1", language: "python", code: "é", run_type: "submit" } as const;
  await expect(service.client().submit(request, "key")).rejects.toMatchObject({ status: 0 });
  expect(service.log).toEqual(["0 POST /submissions"]);
  expect(service.asked[0]?.body).toEqual(request);
  expect(Object.fromEntries(service.asked[0]?.headers ?? [])).toEqual({
    authorization: "Bearer token",
    "content-type": "application/json",
    "idempotency-key": "key",
  });
});

test("a problem carries what the service said", async () => {
  const errors = [{ field: "language", message: "must be one of: python" }];
  const service = new FakeService([
    {
      status: 422,
      body: { title: "Unprocessable", status: 422, detail: "A value is wrong.", errors },
      headers: { "X-Request-Id": "r1", "Retry-After": "3" },
    },
  ]);
  const problem = await service
    .client()
    .submission("s1")
    .catch((error: unknown) => error);
  expect(problem).toBeInstanceOf(Problem);
  expect(problem).toMatchObject({
    status: 422,
    detail: "A value is wrong.",
    fields: errors,
    retryAfter: 3000,
    requestId: "r1",
  });
  expect(String(problem)).toBe("Problem: A value is wrong.");
});

test.each([400, 401, 403, 404, 407, 413])("a %s that is not the service's own counts as no answer", async (status) => {
  const service = new FakeService([{ status, html: "<html>Blocked</html>", headers: { "Retry-After": "9" } }]);
  await expect(service.client().submission("s1")).rejects.toMatchObject({
    status: 0,
    detail: "The answer was not understood.",
    retryAfter: 9000,
  });
});

test.each([401, 403, 404])("a poll goes on after a proxy's %s", async (status) => {
  const service = new FakeService([ok(queued), { status, html: "<html>" }, ok(completed)]);
  const { states } = watch(service.client());
  await pass(60_000);
  expect(service.times).toEqual([0, 2000, 3000]);
  expect(states).toEqual(["queued live", "queued unreachable +1000", "completed live"]);
});

test.each([429, 503])("a %s needs no word of the service, but has a sentence", async (status) => {
  const service = new FakeService([{ status, html: "<html>" }]);
  await expect(service.client().submission("s1")).rejects.toMatchObject({
    status,
    detail: `The service answered with the error ${status}.`,
    fields: [],
  });
});

test("JSON that is no submission counts as no answer", async () => {
  const service = new FakeService([ok({ login: "required" }), ok("hello"), { status: 304 }]);
  const client = service.client();
  for (let call = 0; call < 3; call += 1) await expect(client.submission("s1")).rejects.toMatchObject({ status: 0 });
});

/** An answer whose body comes in pieces, one each `every` milliseconds, and never ends where `ends` is false. */
function inPieces(text: string, pieces: number, every: number, ends = true): typeof fetch {
  return async (_, init) => {
    const bytes = new TextEncoder().encode(text);
    const size = Math.ceil(bytes.length / pieces);
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        init?.signal?.addEventListener("abort", () => controller.error(new DOMException("aborted", "AbortError")));
        for (let at = 0; at < bytes.length; at += size) {
          await new Promise((resolve) => setTimeout(resolve, every));
          controller.enqueue(bytes.slice(at, at + size));
        }
        if (ends) controller.close();
      },
    });
    return new Response(body);
  };
}

test("an answer that comes slowly is waited for as long as it comes", async () => {
  const slow = { ...completed, code: "print('€')" };
  const client = new FakeService([]).client({ fetch: inPieces(JSON.stringify(slow), 100, 10_000) });
  const answer = client.submission("s1");
  await pass(1_000_000);
  expect(await answer).toEqual(slow);
});

test("an answer that stops in its middle is given up after 15 s", async () => {
  const client = new FakeService([]).client({ fetch: inPieces("[1, 2", 2, 10_000, false) });
  let gaveUp: unknown = null;
  client.submission("s1").catch((error: unknown) => {
    gaveUp = error;
  });
  await pass(34_999);
  expect(gaveUp).toBeNull();
  await pass(1);
  expect(gaveUp).toMatchObject({ status: 0, detail: "The service did not answer." });
});

test("each question has its path", async () => {
  const service = new FakeService([ok({ ...queued, submission_id: "s/1" })]);
  const client = service.client();
  await client.cancel("s/1");
  await client.attempt("a 1");
  await client.attempt("a1", "next+page");
  await client.question("q1");
  await client.languages();
  await client.health();
  await client.overview();
  await client.submissions();
  await client.submissions({ status: "failed", question_id: null, page_token: "p" });
  await client.requeue("s/1");
  expect(service.log).toEqual([
    "0 DELETE /submissions/s%2F1",
    "0 GET /attempts/a%201",
    "0 GET /attempts/a1?page_token=next%2Bpage",
    "0 GET /questions/q1",
    "0 GET /languages",
    "0 GET /health",
    "0 GET /overview",
    "0 GET /submissions",
    "0 GET /submissions?status=failed&page_token=p",
    "0 POST /submissions/s%2F1/requeue",
  ]);
});

test.each([
  ["an hour slow", 3_600_000],
  ["an hour fast", -3_600_000],
])("where the service's Date is seen, a clock that is %s does not move a deadline", async (_, ahead) => {
  const client = new FakeService(() => ok({}, { Date: new Date(Date.now() + ahead).toUTCString() })).client();
  await client.attempt("a1");
  const minutesLeft = (client.localTime(new Date(Date.now() + ahead + 600_000).toISOString()) - Date.now()) / 60_000;
  expect(minutesLeft).toBeCloseTo(10, 1);
});

test("a clock that is right to the second is left alone, and so is one that cannot be compared", async () => {
  const moment = "2026-03-01T11:00:00Z";
  const seen = new FakeService(() => ok({}, { Date: new Date(Date.now() - 900).toUTCString() })).client();
  await seen.attempt("a1");
  expect(seen.localTime(moment)).toBe(Date.parse(moment));
  const unseen = new FakeService([ok({}, {})]).client();
  await unseen.attempt("a1");
  expect(unseen.localTime(moment)).toBe(Date.parse(moment));
});

test("where this machine's clock is set meanwhile, a deadline stays where it was", async () => {
  const client = new FakeService(() => ok({}, { Date: new Date(Date.now()).toUTCString() })).client();
  const moment = new Date(Date.now() + 600_000).toISOString();
  const secondsLeft = () => Math.round((client.localTime(moment) - Date.now()) / 1000);
  await client.attempt("a1");
  expect(secondsLeft()).toBe(600);
  vi.setSystemTime(Date.now() + 3_600_000);
  expect(secondsLeft()).toBe(600);
  await pass(60_000);
  expect(secondsLeft()).toBe(540);
});

test("a proxy's 401 does not sign out", async () => {
  const service = new FakeService([{ status: 401, html: "<html>" }, ok(completed)]);
  const { states } = watch(service.client());
  await pass(1000);
  expect(states).toEqual(["unknown unreachable +1000", "completed live"]);
});
