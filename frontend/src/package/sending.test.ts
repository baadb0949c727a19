import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { SubmissionRequest } from "./client";
import { Outbox, type Pressed, type Storage } from "./sending";
import { type Answer, FakeService, ok, queued, refusal, setHidden, setOnline, submission } from "./testing";

const place = { attemptId: "a1", questionId: "q1", runType: "submit" } as const;
const request: SubmissionRequest = {
  attempt_id: "a1",
  question_id: "q1",
  language: "python",
  code: "print(1)",
  run_type: "submit",
};
const accepted: Answer = { status: 202, body: { ...queued, receipt: "proof" }, headers: { "Retry-After": "2" } };
const NAME = "run-code:alice:a1:q1:submit";

beforeEach(() => {
  vi.useFakeTimers({ now: new Date("2026-03-01T10:00:00Z") });
  localStorage.clear();
});

const opened: (() => void)[] = [];

afterEach(() => {
  for (const close of opened.splice(0)) close();
  Reflect.deleteProperty(navigator, "locks");
  vi.useRealTimers();
});

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

/** A page that was opened, or opened again; `close` is what a reload does to it. */
function open(
  service: FakeService,
  { scope = "alice", storage = localStorage as Storage | null, token = "token" } = {},
) {
  const client = service.client({ token: () => token });
  const outbox = new Outbox(client, scope, storage);
  const close = outbox.start();
  opened.push(close);
  return { client, outbox, close };
}

const keys = (service: FakeService) => service.asked.map(({ headers }) => headers.get("Idempotency-Key"));
const stored = (name = NAME) => JSON.parse(localStorage.getItem(name) ?? "null");
const shown = (pressed: Pressed | null) =>
  pressed && [pressed.refused ? "refused" : (pressed.sending.submissionId ?? "sending"), pressed.connection.state];

/** What the browser does in the other tabs. */
function tellOtherTabs(name = NAME) {
  window.dispatchEvent(new StorageEvent("storage", { key: name, newValue: localStorage.getItem(name) }));
}

test("a press is stored, then sent once; its answer is stored with the receipt", async () => {
  const service = new FakeService([accepted]);
  const { outbox } = open(service);
  outbox.send(request);
  expect(service.asked).toEqual([]);
  expect(stored()).toMatchObject({ request, submissionId: null, pressedAt: Date.now() });
  await pass(600_000);
  expect(service.log).toEqual(["0 POST /submissions"]);
  expect(service.asked[0]?.body).toEqual(request);
  expect(keys(service)).toEqual([stored().key]);
  expect(stored()).toMatchObject({ submissionId: "s1", receipt: "proof" });
  expect(shown(outbox.at(place))).toEqual(["s1", "live"]);
});

test("the key is 32 hexadecimal digits and another one for each press", async () => {
  const service = new FakeService([refusal(422)]);
  const { outbox } = open(service);
  for (let press = 0; press < 3; press += 1) {
    outbox.send(request);
    await pass(0);
  }
  expect(new Set(keys(service)).size).toBe(3);
  for (const key of keys(service)) expect(key).toMatch(/^[0-9a-f]{32}$/);
});

test("a double click sends one, and a third click while it waits in line sends none", async () => {
  const service = new FakeService([accepted]);
  const { outbox } = open(service);
  outbox.send(request);
  outbox.send(request);
  await pass(0);
  outbox.send(request);
  await pass(60_000);
  expect(service.times).toEqual([0]);
});

test("a Submit and a Run at once are two, each with its key", async () => {
  const service = new FakeService(({ body }) => {
    const { run_type } = body as SubmissionRequest;
    return { status: 202, body: submission({ submission_id: `id of ${run_type}`, run_type }) };
  });
  const { outbox } = open(service);
  outbox.send(request);
  outbox.send({ ...request, run_type: "run" });
  await pass(60_000);
  expect(service.times).toEqual([0, 0]);
  expect(new Set(keys(service)).size).toBe(2);
  expect(outbox.at(place)?.sending.submissionId).toBe("id of submit");
  expect(outbox.at({ ...place, runType: "run" })?.sending.submissionId).toBe("id of run");
});

test.each([
  ["a lost network", ["lost", "lost", "lost"] as Answer[], [0, 1000, 3000, 7000], "unreachable"],
  ["429 that says when", [refusal(429, { "Retry-After": "9" })], [0, 9000], "rate_limited"],
  ["429 that does not", [refusal(429), refusal(429)], [0, 5000, 15_000], "rate_limited"],
  ["503 that says when", [refusal(503, { "Retry-After": "3" })], [0, 3000], "unreachable"],
  ["500 and 502", [refusal(500), refusal(502)], [0, 1000, 3000], "unreachable"],
  ["an answer that never comes", ["silent"] as Answer[], [0, 16_000], "unreachable"],
])("after %s the same is sent again, with the same key", async (_, answers, times, state) => {
  const service = new FakeService([...answers, accepted]);
  const { outbox } = open(service);
  const states = new Set<string | undefined>();
  outbox.subscribe(() => states.add(outbox.at(place)?.connection.state));
  outbox.send(request);
  await pass(120_000);
  expect(service.times).toEqual(times);
  expect(new Set(keys(service)).size).toBe(1);
  expect(states).toEqual(new Set(["live", state]));
  expect(shown(outbox.at(place))).toEqual(["s1", "live"]);
});

test("while it waits to be sent again it says why and when", async () => {
  const service = new FakeService([refusal(429, { "Retry-After": "9" })]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(0);
  expect(outbox.at(place)).toMatchObject({
    connection: { state: "rate_limited", retryAt: Date.now() + 9000 },
    problem: { status: 429, detail: "refused with 429" },
    refused: false,
  });
});

test("the same key had been accepted before: its submission is the one", async () => {
  const service = new FakeService(["lost", ok(queued)]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(1000);
  expect(shown(outbox.at(place))).toEqual(["s1", "live"]);
});

test("offline nothing is sent; back online at once", async () => {
  setOnline(false);
  const service = new FakeService([accepted]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(20_000);
  expect(service.times).toEqual([]);
  expect(shown(outbox.at(place))).toEqual(["sending", "offline"]);
  setOnline(true);
  await pass(0);
  expect(service.times).toEqual([20_000]);
});

test("a hidden tab sends all the same", async () => {
  setHidden(true);
  const service = new FakeService(["lost", accepted]);
  open(service).outbox.send(request);
  await pass(60_000);
  expect(service.times).toEqual([0, 1000]);
});

test("after 401 it waits for a new token, and is then sent at once with the same key", async () => {
  const service = new FakeService([refusal(401), accepted]);
  const { outbox, client } = open(service);
  outbox.send(request);
  await pass(600_000);
  expect(service.times).toEqual([0]);
  expect(shown(outbox.at(place))).toEqual(["sending", "signed_out"]);
  client.signedIn();
  await pass(0);
  expect(service.times).toEqual([0, 600_000]);
  expect(new Set(keys(service)).size).toBe(1);
});

test.each([400, 403, 404, 409, 413, 415, 422])("%s refuses it: nothing is sent again, nothing kept", async (status) => {
  const service = new FakeService([refusal(status)]);
  const { outbox, close } = open(service);
  outbox.send(request);
  await pass(600_000);
  expect(service.times).toEqual([0]);
  expect(outbox.at(place)).toMatchObject({ refused: true, problem: { status }, sending: { request } });
  expect(stored()).toBeNull();
  close();
  expect(open(service).outbox.at(place)).toBeNull();
});

test("a reload before the answer sends the same again, with the same key", async () => {
  const service = new FakeService(["silent", ok(queued)]);
  const before = open(service);
  before.outbox.send(request);
  await pass(5000);
  before.close();
  const { outbox } = open(service);
  expect(shown(outbox.at(place))).toEqual(["sending", "live"]);
  await pass(60_000);
  expect(service.times).toEqual([0, 5000]);
  expect(new Set(keys(service)).size).toBe(1);
  expect(service.asked[1]?.body).toEqual(request);
  expect(shown(outbox.at(place))).toEqual(["s1", "live"]);
});

test("what waits for its answer is sent by any page of the student, whichever question it shows", async () => {
  setOnline(false);
  const service = new FakeService([accepted]);
  const before = open(service);
  before.outbox.send(request);
  await pass(1000);
  before.close();
  setOnline(true);
  open(service);
  await pass(0);
  expect(service.log).toEqual(["1000 POST /submissions"]);
  expect(stored().submissionId).toBe("s1");
});

test("a reload after the answer sends nothing", async () => {
  const service = new FakeService([accepted]);
  const before = open(service);
  before.outbox.send(request);
  await pass(0);
  before.close();
  const { outbox } = open(service);
  await pass(60_000);
  expect(service.times).toEqual([0]);
  expect(outbox.at(place)?.sending).toMatchObject({ submissionId: "s1", receipt: "proof", request });
});

test("closed and opened in one breath, as React's StrictMode does, it sends once", async () => {
  setOnline(false);
  const service = new FakeService([accepted]);
  const before = open(service);
  before.outbox.send(request);
  before.close();
  setOnline(true);
  const outbox = new Outbox(service.client(), "alice");
  outbox.start()();
  await pass(0);
  expect(stored().tried).toBe(false);
  opened.push(outbox.start());
  await pass(60_000);
  expect(service.times).toEqual([0]);
});

test("once closed it sends nothing more", async () => {
  const service = new FakeService(["lost"]);
  const { outbox, close } = open(service);
  outbox.send(request);
  await pass(500);
  close();
  await pass(60_000);
  expect(service.times).toEqual([0]);
  expect(stored()).toMatchObject({ submissionId: null });
});

test("another student of the same browser neither sees nor sends it", async () => {
  setOnline(false);
  const service = new FakeService([accepted]);
  const alice = open(service);
  alice.outbox.send(request);
  alice.close();
  setOnline(true);
  const { outbox } = open(service, { scope: "bob" });
  await pass(60_000);
  expect(outbox.at(place)).toBeNull();
  expect(service.times).toEqual([]);
  expect(stored()).toMatchObject({ submissionId: null });
});

test("names with a colon in them do not meet", () => {
  setOnline(false);
  const service = new FakeService([accepted]);
  const { outbox } = open(service, { scope: "a:b" });
  outbox.send({ ...request, question_id: "q1:x" });
  expect(outbox.at({ ...place, questionId: "q1:x" })).not.toBeNull();
  expect(outbox.at({ ...place, attemptId: "a1:q1", questionId: "x" })).toBeNull();
  expect(open(service, { scope: "a" }).outbox.at({ ...place, attemptId: "b:a1", questionId: "q1:x" })).toBeNull();
});

test("a second tab shows what the first has pressed, and that it was answered", async () => {
  const service = new FakeService([{ ...(accepted as object), status: 202, takes: 1000 }, ok(queued)]);
  const first = open(service);
  const second = open(service);
  first.outbox.send(request);
  tellOtherTabs();
  expect(shown(second.outbox.at(place))).toEqual(["sending", "live"]);
  await pass(1000);
  tellOtherTabs();
  expect(shown(second.outbox.at(place))).toEqual(["s1", "live"]);
  expect(new Set(keys(service)).size).toBe(1);
});

test("a press in the second tab is ignored while the first one's is under way, even before it was told", async () => {
  const service = new FakeService(["silent"]);
  const first = open(service);
  const second = open(service);
  second.outbox.at(place);
  first.outbox.send(request);
  second.outbox.send({ ...request, code: "print(2)" });
  await pass(0);
  expect(new Set(keys(service)).size).toBe(1);
  expect(stored().request.code).toBe("print(1)");
});

test("with locks, two tabs send one POST, and the second goes on where the first was closed", async () => {
  Object.defineProperty(navigator, "locks", { configurable: true, value: new FakeLocks() });
  const service = new FakeService([{ ...(accepted as object), status: 202, takes: 1000 }]);
  const first = open(service);
  open(service);
  first.outbox.send(request);
  tellOtherTabs();
  await pass(60_000);
  expect(service.times).toEqual([0]);

  localStorage.clear();
  service.answers = ["silent", accepted];
  const third = open(service, { scope: "carol" });
  const fourth = open(service, { scope: "carol" });
  third.outbox.send(request);
  tellOtherTabs("run-code:carol:a1:q1:submit");
  await pass(1000);
  expect(service.times).toEqual([0, 60_000]);
  third.close();
  await pass(0);
  expect(service.times).toEqual([0, 60_000, 61_000]);
  expect(keys(service)[2]).toBe(keys(service)[1]);
  expect(shown(fourth.outbox.at(place))).toEqual(["s1", "live"]);
});

test("where locks are forbidden it is sent without", async () => {
  const forbidden = { request: () => Promise.reject(new DOMException("denied", "SecurityError")) };
  Object.defineProperty(navigator, "locks", { configurable: true, value: forbidden });
  const service = new FakeService([accepted]);
  open(service).outbox.send(request);
  await pass(60_000);
  expect(service.times).toEqual([0]);
});

test("a newer press that another tab has stored takes the older one's place", async () => {
  const service = new FakeService(["lost", "lost", ok(queued)]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(0);
  const newer = { ...stored(), key: "newer", request: { ...request, code: "print(2)" } };
  localStorage.setItem(NAME, JSON.stringify(newer));
  tellOtherTabs();
  await pass(60_000);
  expect(keys(service).slice(1)).toEqual(["newer", "newer"]);
  expect(stored()).toMatchObject({ key: "newer", submissionId: "s1" });
});

test("what another tab has taken back is not sent again", async () => {
  const service = new FakeService(["lost"]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(500);
  localStorage.removeItem(NAME);
  tellOtherTabs();
  await pass(60_000);
  expect(outbox.at(place)).toBeNull();
  expect(service.times).toEqual([0]);
});

test("a refusal stays shown when the other tab forgets it, and so does what waits when everything is cleared", async () => {
  const service = new FakeService([refusal(403), "lost", accepted]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(0);
  tellOtherTabs();
  expect(shown(outbox.at(place))?.[0]).toBe("refused");
  outbox.send(request);
  await pass(0);
  localStorage.clear();
  window.dispatchEvent(new StorageEvent("storage", { key: null, newValue: null }));
  await pass(60_000);
  expect(service.times).toEqual([0, 0, 1000]);
});

class Refusing implements Storage {
  readonly length = 1;
  readonly key = this.#refuse;
  readonly getItem = this.#refuse;
  readonly setItem = this.#refuse;
  readonly removeItem = this.#refuse;

  #refuse(): never {
    throw new DOMException("no", "SecurityError");
  }
}

test.each([
  ["throws at every touch", new Refusing()],
  ["is not there", null],
])("where storage %s it works from memory", async (_, storage) => {
  const service = new FakeService(["lost", accepted]);
  const { outbox } = open(service, { storage });
  outbox.send(request);
  outbox.send(request);
  expect(outbox.at(place)?.kept).toBe(false);
  await pass(60_000);
  expect(service.times).toEqual([0, 1000]);
  expect(new Set(keys(service)).size).toBe(1);
  expect(shown(outbox.at(place))).toEqual(["s1", "live"]);
});

test("where storage is full the new press is sent, and an older one does not come back in its place", async () => {
  const service = new FakeService([ok(submission({ status: "completed", submission_id: "old" })), "lost", accepted]);
  const { outbox, close } = open(service);
  outbox.send(request);
  await pass(0);
  vi.spyOn(globalThis.Storage.prototype, "setItem").mockImplementation(() => {
    throw new DOMException("full", "QuotaExceededError");
  });
  expect(outbox.at(place)?.kept).toBe(true);
  outbox.send({ ...request, code: "print(2)" });
  expect(outbox.at(place)?.kept).toBe(false);
  await pass(60_000);
  expect(service.times).toEqual([0, 0, 1000]);
  expect(service.asked[2]?.body).toMatchObject({ code: "print(2)" });
  expect(shown(outbox.at(place))).toEqual(["s1", "live"]);
  close();
  expect(open(service).outbox.at(place)).toBeNull();
});

test("what cannot be read from storage counts as nothing", () => {
  localStorage.setItem(NAME, "{");
  expect(open(new FakeService([])).outbox.at(place)).toBeNull();
});

test("what was never sent is taken back at once", async () => {
  setOnline(false);
  const service = new FakeService([accepted]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(1000);
  outbox.takeBack(place);
  expect(outbox.at(place)).toBeNull();
  expect(stored()).toBeNull();
  setOnline(true);
  await pass(60_000);
  expect(service.times).toEqual([]);
});

test("what was answered with 429 is taken back at once", async () => {
  const service = new FakeService([refusal(429, { "Retry-After": "9" })]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(0);
  outbox.takeBack(place);
  expect(outbox.at(place)).toBeNull();
  await pass(60_000);
  expect(service.times).toEqual([0]);
});

test.each([
  ["lost", "lost" as Answer],
  ["answered with 503", refusal(503, { "Retry-After": "1" })],
])("what was %s may be recorded: it is sent again, and then cancelled there", async (_, answer) => {
  const service = new FakeService([answer, ok(queued), ok(submission({ status: "cancelled" }))]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(0);
  outbox.takeBack(place);
  expect(shown(outbox.at(place))?.[0]).toBe("sending");
  await pass(60_000);
  expect(service.log).toEqual(["0 POST /submissions", "1000 POST /submissions", "1000 DELETE /submissions/s1"]);
});

test("taking back is remembered over a reload, and done where the answer came in between", async () => {
  const service = new FakeService(["silent", ok(queued), ok(submission({ status: "cancelled" }))]);
  const before = open(service);
  before.outbox.send(request);
  await pass(1000);
  before.outbox.takeBack(place);
  before.close();
  open(service);
  await pass(60_000);
  expect(service.log.slice(1)).toEqual(["1000 POST /submissions", "1000 DELETE /submissions/s1"]);
  expect(stored()).toMatchObject({ submissionId: "s1", unwanted: false });
});

test("a 401 leaves open whether an earlier try was recorded", async () => {
  const service = new FakeService(["lost", refusal(401)]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(1000);
  outbox.takeBack(place);
  expect(outbox.at(place)?.sending.unwanted).toBe(true);
});

test("a first try that was answered with 401 is taken back at once", async () => {
  const service = new FakeService([refusal(401)]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(0);
  outbox.takeBack(place);
  expect(outbox.at(place)).toBeNull();
});

test("a newer press is not overwritten when the older one's cancelling is answered late", async () => {
  const service = new FakeService(["lost", ok(queued), "silent"]);
  const { outbox, client } = open(service);
  outbox.send(request);
  await pass(0);
  outbox.takeBack(place);
  await pass(1000); // recorded after all; the DELETE is on its way
  service.answers = ({ method }) =>
    method === "DELETE"
      ? { status: 200, body: submission({ status: "cancelled" }), takes: 5000 }
      : method === "GET"
        ? ok(submission({ status: "completed" }))
        : ok(submission({ submission_id: "s2" }));
  await client.submission("s1"); // the page has seen its end
  outbox.send({ ...request, code: "print(2)" });
  await pass(60_000); // only now is the DELETE answered
  expect(service.log.some((line) => line.endsWith("DELETE /submissions/s1"))).toBe(true);
  expect(outbox.at(place)?.sending).toMatchObject({ submissionId: "s2", request: { code: "print(2)" } });
  expect(stored()).toMatchObject({ submissionId: "s2", request: { code: "print(2)" } });
});

test("a cancelling that is cut off by a reload is done by the next page", async () => {
  const service = new FakeService(["lost", ok(queued), "silent"]);
  const before = open(service);
  before.outbox.send(request);
  await pass(0);
  before.outbox.takeBack(place);
  await pass(2000);
  before.close();
  await pass(0);
  service.answers = [ok(submission({ status: "cancelled" }))];
  open(service);
  await pass(0);
  expect(service.log.at(-1)).toBe("2000 DELETE /submissions/s1");
  expect(stored()).toMatchObject({ unwanted: false });
});

test("a portal's 403 drops nothing: the same is sent again, with the same key", async () => {
  const service = new FakeService([{ status: 403, html: "<html>Sign in to the network</html>" }, accepted]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(0);
  expect(shown(outbox.at(place))).toEqual(["sending", "unreachable"]);
  await pass(60_000);
  expect(service.times).toEqual([0, 1000]);
  expect(new Set(keys(service)).size).toBe(1);
  expect(shown(outbox.at(place))).toEqual(["s1", "live"]);
});

function leavingIsAsked(): boolean {
  const event = new Event("beforeunload", { cancelable: true });
  window.dispatchEvent(event);
  return event.defaultPrevented;
}

test("while anything of the student is unanswered the browser asks before the page is closed", async () => {
  const service = new FakeService(["lost", accepted, refusal(403)]);
  const { outbox, close } = open(service);
  expect([outbox.hasUnsent(), leavingIsAsked()]).toEqual([false, false]);
  outbox.send(request);
  await pass(500);
  expect([outbox.hasUnsent(), leavingIsAsked()]).toEqual([true, true]);
  expect(open(service, { scope: "bob" }).outbox.hasUnsent()).toBe(false);
  await pass(500);
  expect([outbox.hasUnsent(), leavingIsAsked()]).toEqual([false, false]);
  outbox.send({ ...request, question_id: "q2" });
  await pass(0);
  expect([outbox.at({ ...place, questionId: "q2" })?.refused, leavingIsAsked()]).toEqual([true, false]);
  outbox.send({ ...request, question_id: "q3" });
  close();
  expect(leavingIsAsked()).toBe(false);
});

test("what was left unsent by an earlier page is unsent in this one", () => {
  setOnline(false);
  const before = open(new FakeService([accepted]));
  before.outbox.send(request);
  before.close();
  expect(open(new FakeService([accepted])).outbox.hasUnsent()).toBe(true);
});

test("signing out clears what was answered, of this student, and nothing that is not", async () => {
  const service = new FakeService([accepted, accepted, refusal(403), "lost"]);
  const { outbox, close } = open(service);
  const bob = open(service, { scope: "bob" });
  bob.outbox.send(request);
  await pass(0);
  outbox.send(request);
  await pass(0);
  outbox.send({ ...request, question_id: "refused" });
  await pass(0);
  outbox.send({ ...request, question_id: "unsent" });
  await pass(0);
  close();
  outbox.clearAnswered();
  expect(Object.keys(localStorage).sort()).toEqual(["run-code:alice:a1:unsent:submit", "run-code:bob:a1:q1:submit"]);
  expect(outbox.at(place)).toBeNull();
  expect(outbox.at({ ...place, questionId: "refused" })).toBeNull();
  expect(outbox.hasUnsent()).toBe(true);
});

test("after 30 days what was answered is dropped, what was not is still sent", async () => {
  const service = new FakeService([accepted, "silent"]);
  const before = open(service);
  before.outbox.send(request);
  await pass(0);
  before.outbox.send({ ...request, question_id: "unsent" });
  await pass(0);
  before.close();
  const day = 24 * 3_600_000;
  vi.setSystemTime(Date.now() + 30 * day);
  const after = open(service);
  expect(after.outbox.at(place)).not.toBeNull();
  after.close();
  vi.setSystemTime(Date.now() + 1);
  expect(open(service).outbox.at(place)).toBeNull();
  expect(Object.keys(localStorage)).toEqual(["run-code:alice:a1:unsent:submit"]);
});

test("too late to be cancelled: it is judged and shown", async () => {
  const service = new FakeService(["lost", ok(queued), refusal(409)]);
  const { outbox } = open(service);
  outbox.send(request);
  await pass(0);
  outbox.takeBack(place);
  await pass(60_000);
  expect(service.times).toEqual([0, 1000, 1000]);
  expect(shown(outbox.at(place))).toEqual(["s1", "live"]);
});

test("what is under way is not forgotten, what was refused is", async () => {
  const service = new FakeService(["lost", accepted, refusal(403)]);
  const { outbox } = open(service);
  outbox.send(request);
  outbox.forget(place);
  await pass(60_000);
  outbox.forget(place);
  expect(outbox.at(place)?.sending.submissionId).toBe("s1");
  outbox.send({ ...request, run_type: "run" });
  await pass(0);
  outbox.forget({ ...place, runType: "run" });
  expect(outbox.at({ ...place, runType: "run" })).toBeNull();
});

test("it is the same object until it changes", () => {
  setOnline(false);
  const { outbox } = open(new FakeService([accepted]));
  outbox.send(request);
  expect(outbox.at(place)).toBe(outbox.at({ ...place }));
});

/** As the browser's: one holder of a name at a time, in the order of asking. */
class FakeLocks {
  readonly #last = new Map<string, Promise<unknown>>();

  async request(name: string, { signal }: { signal: AbortSignal }, work: () => Promise<void>): Promise<void> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const mine = before.then(() => {
      signal.throwIfAborted();
      return work();
    });
    this.#last.set(
      name,
      mine.catch(() => {}),
    );
    return mine;
  }
}
