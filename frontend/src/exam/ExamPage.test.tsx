import { act, cleanup, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import { StrictMode } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Attempt, Submission, SubmissionRequest } from "../package";
import { exam as words } from "../strings";
import { ExamPage } from "./ExamPage";

// CodeMirror measures, which jsdom cannot; the plain editor has the same interface.
vi.mock("./editor/CodeEditor", async () => ({ default: (await import("./editor/PlainEditor")).PlainEditor }));

const tokenOf = (student: string, more = "") => `e30.${btoa(JSON.stringify({ sub: student, more }))}.s`;

/** The service as far as the page sees it. */
class FakeService {
  refusals = new Map<string, [number, string]>();
  goodTokens = new Set([tokenOf("ada")]);
  sent: SubmissionRequest[] = [];
  submissions: Submission[] = [];
  /** What the attempt's second page holds. */
  older: Attempt | null = null;
  asked: string[] = [];
  attempt: Attempt = {
    attempt_id: "final-ada",
    exam: {
      exam_id: "final",
      title: "Final",
      closes_at: null,
      counts: "best",
      questions: [
        { question_id: "sum", title: "Sum", points: 100 },
        { question_id: "sorting", title: "Sorting", points: 50 },
      ],
    },
    scores: [
      { question_id: "sum", score: null, points: 100, submission_id: null },
      { question_id: "sorting", score: 20, points: 50, submission_id: "old" },
    ],
    submissions: [],
    next_page_token: null,
  };

  readonly fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    const path = new URL(String(input), "http://page").pathname;
    if (path === "/local.json") {
      const students = [{ name: "ada", attempt_id: "final-ada", token: tokenOf("ada") }];
      return Response.json({ url: "http://service", students, staff: null });
    }
    this.asked.push(path);
    const token = new Headers(init?.headers).get("Authorization")?.replace("Bearer ", "") ?? "";
    if (!this.goodTokens.has(token)) return problem(401, "This token has expired.");
    const refusal = this.refusals.get(path);
    if (refusal) return problem(...refusal);
    if (path.startsWith("/attempts/")) {
      const older = new URL(String(input)).searchParams.get("page_token");
      return Response.json(older ? this.older : { ...this.attempt, submissions: this.submissions });
    }
    if (path === "/languages")
      return Response.json(["python", "c"].map((name) => ({ name, label: name, version: "1" })));
    if (path.startsWith("/questions/")) return Response.json(question(path.slice("/questions/".length)));
    if (init?.method === "POST") return this.#take(JSON.parse(String(init.body)) as SubmissionRequest);
    const found = this.submissions.find((each) => path === `/submissions/${each.submission_id}`);
    return found ? Response.json(found) : problem(404, "There is no such thing.");
  };

  #take(request: SubmissionRequest): Response {
    this.sent.push(request);
    const submission = {
      ...request,
      submission_id: `s${this.sent.length}`,
      status: "completed",
      verdict: "accepted",
      score: request.run_type === "submit" ? 100 : null,
      points: 100,
      passed: 1,
      total: 1,
      progress: { finished: 1, total: 1 },
      tests: [],
      compile_output: null,
      message: null,
      stdin: request.stdin ?? null,
      queue_position: null,
      estimated_wait_seconds: null,
      poll_after_seconds: null,
      created_at: new Date().toISOString(),
      started_at: null,
      finished_at: null,
      receipt: "rc1.receipt",
    } as Submission;
    this.submissions = [submission, ...this.submissions];
    return Response.json(submission, { status: 202 });
  }
}

function problem(status: number, detail: string): Response {
  const headers = { "Content-Type": "application/problem+json" };
  return Response.json({ type: "about:blank", title: "No", status, detail, errors: [] }, { status, headers });
}

const question = (id: string) => ({
  question_id: id,
  title: id === "sum" ? "Sum" : "Sorting",
  statement: `The statement of ${id}.`,
  languages: ["c", "python"],
  limits: { cpu_seconds: 2, memory_kb: 262144, output_kb: 1024, time_multipliers: {} },
  points: 100,
  samples: [{ number: 1, stdin: "1\n", expected_output: "2\n", truncated: false }],
});

let service: FakeService;

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  history.replaceState(null, "", "/");
  service = new FakeService();
  vi.stubGlobal("fetch", service.fetch);
});
afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** However slow the machine is; the runner's own limit ends what never comes. */
const patient = { timeout: 60_000 };
const editor = () => screen.findByRole("textbox", { name: /^Code for/ }, patient) as Promise<HTMLTextAreaElement>;
const button = (name: string | RegExp) => screen.findByRole("button", { name }, patient);
const says = (text: string | RegExp) => screen.findByText(text, {}, patient);

async function opened(attempt = "final-ada"): Promise<void> {
  history.replaceState(null, "", `/#token=${tokenOf("ada")}&attempt=${attempt}`);
  await act(async () => {
    render(
      <StrictMode>
        <ExamPage />
      </StrictMode>,
    );
  });
}

/** Waits until that stands in the editor. */
const shows = (code: string) => waitFor(async () => expect((await editor()).value).toBe(code), patient);

async function typed(code: string): Promise<void> {
  fireEvent.change(await editor(), { target: { value: code } });
}

describe("signing in", { timeout: 120_000 }, () => {
  it("on the local stack is choosing a sample student, and plainly not a real exam", async () => {
    render(<ExamPage />);
    expect(await says("Local stack: not a real exam")).toBeTruthy();
    fireEvent.click(await button("ada"));
    expect(await screen.findByRole("heading", { name: "Final", level: 1 }, patient)).toBeTruthy();
  });

  it("that is over asks for a new token, keeps what is typed, and goes on", async () => {
    await opened();
    await typed("print(1)");
    service.goodTokens = new Set([tokenOf("ada", "new")]);
    fireEvent.click(await button("Submit"));
    const panel = (await screen.findByRole("heading", { name: "You are signed out" }, patient))
      .parentElement as HTMLElement;
    expect((await editor()).value).toBe("print(1)");

    fireEvent.change(within(panel).getByRole("textbox"), { target: { value: tokenOf("bob") } });
    fireEvent.click(within(panel).getByRole("button"));
    expect(await within(panel).findByText(/the token of bob/, {}, patient)).toBeTruthy();

    fireEvent.change(within(panel).getByRole("textbox"), { target: { value: tokenOf("ada", "new") } });
    fireEvent.click(within(panel).getByRole("button"));
    await waitFor(() => expect(service.sent.map(({ code }) => code)).toEqual(["print(1)"]), patient);
    await waitFor(() => expect(screen.queryByText("You are signed out")).toBeNull(), patient);
  });
});

describe("an attempt that cannot be opened", { timeout: 120_000 }, () => {
  it.each([
    [403, "The exam has not begun.", words.faces.notBegun],
    [403, "This attempt is another student's.", words.faces.otherStudents],
    [403, "This exam is sat in room 5.", words.faces.refused],
    [403, "This exam is sat in room 5.", "This exam is sat in room 5."],
    [404, "There is no such attempt.", words.faces.unknownAttempt],
    [503, "Firestore is away.", words.faces.away],
    [400, "Nonsense.", words.faces.refused],
  ])("says why: %d %s", async (status, detail, title) => {
    service.refusals.set("/attempts/final-ada", [status, detail]);
    await opened();
    expect(await says(title)).toBeTruthy();
  });
});

describe("an exam", { timeout: 120_000 }, () => {
  it("shows each question's score so far and the total, also to screen readers", async () => {
    await opened();
    const nav = await screen.findByRole("navigation", { name: "Questions" }, patient);
    expect(within(nav).getByRole("button", { name: /Sum.*not submitted/ })).toBeTruthy();
    expect(within(nav).getByRole("button", { name: /Sorting.*score so far 20 of 50/ })).toBeTruthy();
    expect(within(nav).getByText("20 / 150")).toBeTruthy();
  });

  it("comes back after a reload to the same question, language and code", async () => {
    await opened();
    fireEvent.click(await button(/Sorting/));
    await says("The statement of sorting.");
    fireEvent.change(screen.getByRole("combobox", { name: "Language" }), { target: { value: "c" } });
    await typed("int main(void) {}");
    cleanup();

    render(<ExamPage />);
    expect((await editor()).value).toBe("int main(void) {}");
    expect(screen.getByRole("heading", { name: "Sorting" })).toBeTruthy();
    expect((screen.getByRole("combobox", { name: "Language" }) as HTMLSelectElement).value).toBe("c");
  });

  it("keeps each language's code apart", async () => {
    await opened();
    await typed("print(1)");
    const language = screen.getByRole("combobox", { name: "Language" });
    fireEvent.change(language, { target: { value: "c" } });
    await shows("");
    fireEvent.change(language, { target: { value: "python" } });
    await shows("print(1)");
  });

  it("without a list of questions opens any by its id", async () => {
    service.attempt = { ...service.attempt, exam: { ...service.attempt.exam, questions: [] }, scores: [] };
    await opened();
    fireEvent.change(await screen.findByRole("textbox", { name: "Open a question" }, patient), {
      target: { value: "sum" },
    });
    fireEvent.click(await button("Open"));
    expect(await says("The statement of sum.")).toBeTruthy();
  });

  it("that is over says that what was submitted counts", async () => {
    service.attempt = { ...service.attempt, exam: { ...service.attempt.exam, closes_at: "2020-01-01T00:00:00Z" } };
    await opened();
    expect(await says(words.overMore)).toBeTruthy();
  });
});

describe("sending", { timeout: 120_000 }, () => {
  it("says whether what is in the editor is what was submitted", async () => {
    await opened();
    await typed("print(1)");
    expect(await says(words.nothingSubmitted)).toBeTruthy();
    fireEvent.click(await button("Submit"));
    expect(await says(words.sameAsSubmitted)).toBeTruthy();
    expect(service.sent).toMatchObject([
      { code: "print(1)", language: "python", run_type: "submit", question_id: "sum" },
    ]);
    expect(await button(words.receipt)).toBeTruthy();
    await waitFor(() => expect(document.title).toBe("✓ Accepted · Sum"), patient);
    await typed("print(2)");
    expect(await says(new RegExp(words.changedSince))).toBeTruthy();
  });

  it("by keyboard runs, and with Shift submits", async () => {
    await opened();
    await typed("print(1)");
    fireEvent.keyDown(await editor(), { key: "Enter", ctrlKey: true });
    await waitFor(() => expect(service.sent).toHaveLength(1), patient);
    fireEvent.keyDown(await editor(), { key: "Enter", metaKey: true, shiftKey: true });
    await waitFor(() => expect(service.sent.map((each) => each.run_type)).toEqual(["run", "submit"]), patient);
  });

  it("runs on the student's own input only where that is asked for", async () => {
    await opened();
    await typed("print(1)");
    fireEvent.click(await screen.findByRole("checkbox", { name: words.ownInput }, patient));
    fireEvent.change(screen.getByRole("textbox", { name: words.ownInputLabel }), { target: { value: "7\n" } });
    fireEvent.click(await button("Run"));
    await waitFor(() => expect(service.sent).toMatchObject([{ run_type: "run", stdin: "7\n" }]), patient);
    fireEvent.click(await button("Submit"));
    await waitFor(() => expect(service.sent).toHaveLength(2), patient);
    expect(service.sent[1]).not.toHaveProperty("stdin");
  });

  it.each([
    ["nothing", " \n", words.codeEmpty],
    ["more than the service takes", "ü".repeat(32_769), words.codeTooLong(65_538)],
  ])("is not tried with %s", async (_, code, why) => {
    await opened();
    await typed(code);
    fireEvent.click(await button("Submit"));
    expect(await says(why)).toBeTruthy();
    expect(service.sent).toHaveLength(0);
  });

  it("may be undone by what was sent before", async () => {
    await opened();
    await typed("first");
    fireEvent.click(await button("Submit"));
    await says(words.sameAsSubmitted);
    await typed("second");
    fireEvent.click(screen.getByRole("tab", { name: "History" }));
    fireEvent.click(await button(/^Show Submit/));
    fireEvent.click(await button(words.history.restore));
    await shows("first");
  });
});

describe("a Submit that is no longer among the newest", { timeout: 120_000 }, () => {
  const old = { submission_id: "old", question_id: "sorting", run_type: "submit", status: "completed" };

  it("is never called nothing", async () => {
    service.attempt = { ...service.attempt, next_page_token: "more" };
    service.older = {
      ...service.attempt,
      next_page_token: null,
      submissions: [
        {
          ...({ message: null, tests: [], compile_output: null, stdin: null } as object),
          ...old,
          verdict: "accepted",
          score: 20,
          points: 50,
          language: "python",
          code: "old code",
          created_at: "2026-06-01T10:00:00Z",
        } as Submission,
      ],
    };
    await opened();
    fireEvent.click(await button(/Sorting/));
    expect(await says(words.earlierCounts)).toBeTruthy();
    fireEvent.click(screen.getByRole("tab", { name: "Submit" }));
    expect(await says(words.submittedBefore)).toBeTruthy();
    fireEvent.click(screen.getByRole("tab", { name: "History" }));
    expect(await says(words.history.noneSoFar)).toBeTruthy();
    fireEvent.click(await button(words.history.more));
    expect(await button(/^Show Submit/)).toBeTruthy();
    expect(screen.queryByText(words.history.none)).toBeNull();
  });
});

describe("what staff had judged again", { timeout: 120_000 }, () => {
  it("is shown once the attempt tells of it", async () => {
    await opened();
    await typed("print(1)");
    fireEvent.click(await button("Submit"));
    await waitFor(() => expect(document.title).toBe("✓ Accepted · Sum"), patient);
    service.submissions = service.submissions.map((each) => ({ ...each, verdict: "wrong_answer", score: 0 }));
    const now = performance.now();
    vi.spyOn(performance, "now").mockImplementation(() => now + 60_000); // what was just answered is not asked for
    fireEvent.click(screen.getByRole("tab", { name: "History" })); // asks for the attempt
    await waitFor(() => expect(document.title).toBe("✗ Wrong answer · Sum"), patient);
  });
});

describe("without a network", { timeout: 120_000 }, () => {
  const network = (online: boolean) => {
    vi.spyOn(navigator, "onLine", "get").mockReturnValue(online);
    act(() => {
      window.dispatchEvent(new Event(online ? "online" : "offline"));
    });
  };
  afterEach(() => network(true));

  it("a question that was never looked at opens all the same", async () => {
    await opened();
    await editor();
    await waitFor(() => expect(service.asked).toContain("/questions/sorting"), patient);
    network(false);
    fireEvent.click(await button(/Sorting/));
    expect(await says("The statement of sorting.")).toBeTruthy();
  });

  it("a question that was not loaded yet says so", async () => {
    service.refusals.set("/questions/sum", [503, "Away."]);
    await opened();
    await says(words.faces.questionAway);
    network(false);
    expect(await says(words.faces.questionOffline)).toBeTruthy();
  });

  it("what is pressed is called not sent, and signing out asks first", async () => {
    const prototype = HTMLDialogElement.prototype;
    prototype.showModal = function () {
      this.open = true;
    };
    prototype.close = function () {
      this.open = false;
      this.dispatchEvent(new Event("close"));
    };
    await opened();
    await typed("print(1)");
    network(false);
    fireEvent.click(await button("Submit"));
    expect(await button(/Sum.*not sent yet/)).toBeTruthy();

    fireEvent.click(await button("Sign out"));
    const dialog = await screen.findByRole("dialog", { name: words.leaving.title }, patient);
    fireEvent.click(within(dialog).getByRole("button", { name: "Stay" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull(), patient);
    expect((await editor()).value).toBe("print(1)");

    fireEvent.click(await button("Sign out"));
    const again = await screen.findByRole("dialog", { name: words.leaving.title }, patient);
    fireEvent.click(within(again).getByRole("button", { name: "Sign out" }));
    expect(await screen.findByRole("heading", { name: "Sign in to your exam" }, patient)).toBeTruthy();
    expect(Object.values(localStorage).some((each) => each.includes("print(1)"))).toBe(true);
  });
});

describe("signing out", { timeout: 120_000 }, () => {
  it("leaves nothing of what was answered", async () => {
    await opened();
    await typed("print(1)");
    fireEvent.click(await button("Submit"));
    await waitFor(() => expect(document.title).toBe("✓ Accepted · Sum"), patient);
    fireEvent.click(await button("Sign out"));
    expect(await screen.findByRole("heading", { name: "Sign in to your exam" }, patient)).toBeTruthy();
    expect(Object.keys(localStorage).filter((each) => each.startsWith("run-code:"))).toEqual([]);
  });
});

describe("a proxy that asks for its own password", { timeout: 120_000 }, () => {
  it("does not sign the student out", async () => {
    await opened();
    await typed("print(1)");
    const real = service.fetch;
    let asked = 0;
    vi.stubGlobal("fetch", async (input: RequestInfo | URL, init?: RequestInit) => {
      if (init?.method !== "POST") return real(input, init);
      asked += 1;
      return new Response("<html></html>", { status: 401, headers: { "Content-Type": "text/html" } });
    });
    fireEvent.click(await button("Submit"));
    await waitFor(() => expect(asked).toBeGreaterThan(0), patient);
    expect(await button(/Sum.*not sent yet/)).toBeTruthy();
    expect(screen.queryByText("You are signed out")).toBeNull();
  });
});

describe("another tab on the same question", { timeout: 120_000 }, () => {
  async function otherTabKeeps(code: string): Promise<void> {
    let key = "";
    await waitFor(() => {
      key = Object.keys(localStorage).find((each) => each.includes(":code:")) ?? "";
      expect(key).not.toBe("");
    }, patient);
    localStorage.setItem(key, JSON.stringify({ code, caret: 0, savedAt: Date.now() + 1000 }));
    act(() => {
      window.dispatchEvent(new StorageEvent("storage", { key }));
    });
  }

  it("never writes over what is being typed, but offers its code", async () => {
    await opened();
    vi.spyOn(document, "hasFocus").mockReturnValue(true);
    (await editor()).focus();
    await typed("mine");
    await otherTabKeeps("theirs");
    expect((await editor()).value).toBe("mine");
    fireEvent.click(await button("Use that code"));
    await shows("theirs");
  });

  it("wins where nobody types", async () => {
    await opened();
    vi.spyOn(document, "hasFocus").mockReturnValue(false);
    await typed("mine");
    await otherTabKeeps("theirs");
    await waitFor(async () => expect((await editor()).value).toBe("theirs"), patient);
    expect(await says(/Taken over from another tab/)).toBeTruthy();
  });
});
