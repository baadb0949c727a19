import { focusManager, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { awayOverview, failedLines, health, overview, severalJudges } from "../../gallery/fixtures";
import { RunCodeClient, type SubmissionLine } from "../package";
import { Supervisor } from "./Supervisor";

type Answer = { status?: number; body?: unknown; headers?: Record<string, string> };

/** What the service answers now, by method and path; and what it was asked. */
let answers: Record<string, Answer>;
let asked: string[];

const list = (submissions: SubmissionLine[], next_page_token: string | null = null) => ({
  body: { submissions, next_page_token },
});
const refusal = (status: number, detail: string, headers = {}) => ({ status, body: { status, detail }, headers });
const times = (what: string) => asked.filter((each) => each === what).length;
const pass = (ms: number) => act(() => vi.advanceTimersByTimeAsync(ms));

async function open() {
  const client = new RunCodeClient({
    url: "https://service.example",
    token: () => "token",
    random: () => 0,
    fetch: async (input, init) => {
      const call = `${init?.method} ${String(input).replace("https://service.example", "")}`;
      asked.push(call);
      const { status = 200, body, headers } = answers[call] ?? refusal(404, "Nothing here.");
      if (status === 0) throw new TypeError("Failed to fetch");
      const type = status < 400 ? "application/json" : "application/problem+json";
      const pieces = [new TextEncoder().encode(JSON.stringify(body))];
      const read = async () => ({ value: pieces[0], done: pieces.pop() === undefined });
      // A body that is there at once: reading a real one takes turns of the event loop, which fake timers do not give.
      const answer = { ok: status < 400, status, headers: new Headers({ "Content-Type": type, ...headers }) };
      return { ...answer, body: { getReader: () => ({ read }) } } as unknown as Response;
    },
  });
  render(
    <QueryClientProvider client={new QueryClient()}>
      <Supervisor client={client} onSignOut={() => {}} signedOut={<p>Sign in again</p>} />
    </QueryClientProvider>,
  );
  await pass(0);
}

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  answers = {
    "GET /overview": { body: overview() },
    "GET /health": { body: health("healthy", overview()) },
    "GET /submissions?status=failed": list([]),
  };
});
afterEach(() => {
  cleanup();
  focusManager.setFocused(undefined);
  vi.useRealTimers();
});

describe("looking", () => {
  it("is done every five seconds", async () => {
    await open();
    expect(times("GET /overview")).toBe(1);
    await pass(4999);
    expect(times("GET /overview")).toBe(1);
    await pass(1);
    expect(times("GET /overview")).toBe(2);
  });

  it("rests while the page is hidden, and goes on at once", async () => {
    await open();
    focusManager.setFocused(false);
    await pass(60_000);
    expect(times("GET /overview")).toBe(1);
    focusManager.setFocused(true);
    await pass(0);
    expect(times("GET /overview")).toBe(2);
  });

  it("is done ever less often while there is no answer, and keeps showing what was seen", async () => {
    await open();
    answers["GET /overview"] = { status: 0 };
    await pass(5000);
    expect(times("GET /overview")).toBe(2);
    await pass(1000 + 2000 + 4000 + 8000);
    expect(times("GET /overview")).toBe(6);
    expect(screen.getByText("Submit queue")).toBeTruthy();
    expect(document.title).toContain("No answer");
    answers["GET /overview"] = { body: overview() };
    await pass(16_000);
    expect(document.title).toBe("Supervisor · run-code");
  });

  it("waits as long as the service says", async () => {
    answers["GET /overview"] = refusal(503, "Away.", { "Retry-After": "20" });
    await open();
    await pass(19_999);
    expect(times("GET /overview")).toBe(1);
    await pass(1);
    expect(times("GET /overview")).toBe(2);
  });

  it("ends at a token that is not an instructor's, and says so", async () => {
    answers["GET /overview"] = refusal(403, "This is for staff.");
    await open();
    await pass(60_000);
    expect(times("GET /overview")).toBe(1);
    expect(screen.getByText("This page is for instructors")).toBeTruthy();
  });

  it("ends at a token that is not accepted any more, and keeps showing what was seen", async () => {
    await open();
    answers["GET /overview"] = refusal(401, "The token is expired.");
    await pass(60_000);
    expect(times("GET /overview")).toBe(2);
    expect(screen.getByText("Sign in again")).toBeTruthy();
    expect(screen.getByText("Submit queue")).toBeTruthy();
  });

  it("tells of trouble in the tab's title", async () => {
    answers["GET /overview"] = { body: awayOverview };
    answers["GET /health"] = { body: health("degraded", awayOverview) };
    answers["GET /submissions?status=failed"] = list(failedLines);
    await open();
    await pass(0);
    expect(document.title).toBe("⚠ Judge away, 3 failed · Supervisor · run-code");
  });

  it("shows each judge of several, and which slots are whose", async () => {
    answers["GET /overview"] = { body: severalJudges };
    answers["GET /health"] = { body: health("degraded", severalJudges) };
    await open();
    expect(screen.getByText("2 of 3 answer")).toBeTruthy();
    expect(screen.getByText("Does not answer · 1 slot")).toBeTruthy();
    expect(screen.getByText("Slot 5 · 10.10.0.5:2358")).toBeTruthy();
    expect(document.title).toContain("One judge away");
  });

  it("asks for the failed ones again only when their number has changed", async () => {
    await open();
    await pass(30_000);
    expect(times("GET /submissions?status=failed")).toBe(1);
    answers["GET /overview"] = { body: awayOverview };
    answers["GET /submissions?status=failed"] = list(failedLines);
    await pass(5001);
    expect(times("GET /submissions?status=failed")).toBe(2);
    await pass(1);
    expect(screen.getAllByLabelText(/^Judge again/)).toHaveLength(3);
  });
});

describe("judge again", () => {
  const [first, second] = failedLines as [SubmissionLine, SubmissionLine];
  const requeueOf = (line: SubmissionLine) => `POST /submissions/${line.submission_id}/requeue`;
  const press = async (button: HTMLElement) => {
    fireEvent.click(button);
    await pass(0);
  };
  const said = () => document.querySelector(".staff-said")?.textContent;

  beforeEach(() => {
    answers["GET /submissions?status=failed"] = list([first, second]);
    answers[requeueOf(first)] = { body: { ...first, status: "queued", poll_after_seconds: 2 } };
    answers[requeueOf(second)] = { body: { ...second, status: "queued", poll_after_seconds: 2 } };
  });

  it("puts one in line, says so, and looks at the list again", async () => {
    await open();
    answers["GET /submissions?status=failed"] = list([second]);
    await press(screen.getByLabelText(/^Judge again: bob/));
    expect(times(requeueOf(first))).toBe(1);
    expect(said()).toBe("In line again: bob, two-numbers.");
    expect(screen.queryByText("bob")).toBeNull();
  });

  it("is sent once by a double click", async () => {
    await open();
    const button = screen.getByLabelText(/^Judge again: bob/);
    fireEvent.click(button);
    fireEvent.click(button);
    await pass(0);
    expect(times(requeueOf(first))).toBe(1);
  });

  it("tells that somebody else was faster", async () => {
    await open();
    answers[requeueOf(first)] = refusal(409, "Somebody else has just requeued it.");
    await press(screen.getByLabelText(/^Judge again: bob/));
    expect(said()).toBe("Not put in line: bob, two-numbers. Somebody else has just requeued it.");
  });

  it("takes all, also those on pages that are not shown yet, and tells which were not taken", async () => {
    answers["GET /submissions?status=failed"] = list([first], "more");
    answers["GET /submissions?status=failed&page_token=more"] = list([second]);
    answers[requeueOf(second)] = refusal(409, "Only what failed can be requeued: it is queued.");
    await open();
    await press(screen.getByText("Judge all again"));
    await pass(0);
    expect([times(requeueOf(first)), times(requeueOf(second))]).toEqual([1, 1]);
    expect(said()).toBe("1 is in line again. 1 is not: Only what failed can be requeued: it is queued.");
  });

  it("of all ends where the service does not answer", async () => {
    answers[requeueOf(first)] = { status: 0 };
    await open();
    await press(screen.getByText("Judge all 2 again"));
    expect(times(requeueOf(second))).toBe(0);
    expect(said()).toContain("1 is not: The service did not answer.");
  });
});
