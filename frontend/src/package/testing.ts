/** What the package's tests share: a service that answers as told, and the browser's events. */

import { vi } from "vitest";
import { RunCodeClient, type RunCodeClientOptions, type Submission } from "./client";

export interface Asked {
  /** Milliseconds since the service was made. */
  at: number;
  method: string;
  path: string;
  headers: Headers;
  body: unknown;
}

export type Answer =
  | { status: number; body?: unknown; headers?: Record<string, string>; takes?: number }
  | { status: number; html: string; headers?: Record<string, string> } // not the service: a proxy, a portal
  | "lost" // the network breaks
  | "silent"; // nothing ever comes back

/** Answers with the next of `answers`, and with the last of them from then on. */
export class FakeService {
  readonly asked: Asked[] = [];
  readonly #begun = Date.now();

  constructor(public answers: Answer[] | ((asked: Asked) => Answer)) {}

  readonly fetch: typeof fetch = async (url, init = {}) => {
    const { method = "GET", headers, body, signal } = init;
    const asked: Asked = {
      at: Date.now() - this.#begun,
      method,
      path: String(url).replace("https://run-code.example", ""),
      headers: new Headers(headers),
      body: typeof body === "string" ? JSON.parse(body) : null,
    };
    this.asked.push(asked);
    const answer = Array.isArray(this.answers) ? this.#next(this.answers) : this.answers(asked);
    return new Promise<Response>((resolve, reject) => {
      const stop = () => reject(new DOMException("aborted", "AbortError"));
      if (signal?.aborted) return stop();
      signal?.addEventListener("abort", stop);
      if (answer === "lost") return reject(new TypeError("Failed to fetch"));
      if (answer === "silent") return;
      const { status, headers = {} } = answer;
      if ("html" in answer) {
        return resolve(new Response(answer.html, { status, headers: { "Content-Type": "text/html", ...headers } }));
      }
      const text = answer.body === undefined ? null : JSON.stringify(answer.body);
      const type = status < 400 ? "application/json" : "application/problem+json";
      const response = new Response(text, { status, headers: { "Content-Type": type, ...headers } });
      if (answer.takes === undefined) resolve(response);
      else setTimeout(() => resolve(response), answer.takes);
    });
  };

  #next(answers: Answer[]): Answer {
    const next = answers.length > 1 ? answers.shift() : answers[0];
    if (next === undefined) throw new Error("the service was not told what to answer");
    return next;
  }

  /** When what was asked, as "0 GET /submissions/s1". */
  get log(): string[] {
    return this.asked.map(({ at, method, path }) => `${at} ${method} ${path}`);
  }

  /** When it was asked. */
  get times(): number[] {
    return this.asked.map(({ at }) => at);
  }

  client(options: Partial<RunCodeClientOptions> = {}): RunCodeClient {
    return new RunCodeClient({
      url: "https://run-code.example/",
      token: () => "token",
      fetch: this.fetch,
      random: () => 0,
      ...options,
    });
  }
}

export function submission(changes: Partial<Submission> = {}): Submission {
  const status = changes.status ?? "queued";
  const done = !["queued", "processing"].includes(status);
  return {
    submission_id: "s1",
    status,
    run_type: "submit",
    attempt_id: "a1",
    question_id: "q1",
    language: "python",
    code: "print(1)",
    stdin: null,
    queue_position: status === "queued" ? 4 : null,
    estimated_wait_seconds: status === "queued" ? 8 : null,
    poll_after_seconds: done ? null : 2,
    progress: { finished: 0, total: 10 },
    verdict: status === "completed" ? "accepted" : null,
    score: status === "completed" ? 100 : null,
    points: 100,
    passed: status === "completed" ? 10 : 0,
    total: 10,
    tests: [],
    compile_output: null,
    message: status === "queued" ? "Waiting in line." : null,
    created_at: "2026-03-01T10:00:00Z",
    started_at: null,
    finished_at: null,
    ...changes,
  };
}

export const queued = submission();
export const processing = submission({ status: "processing", progress: { finished: 3, total: 10 } });
export const completed = submission({ status: "completed" });

export function ok(body: unknown, headers: Record<string, string> = { "Retry-After": "2" }): Answer {
  return { status: 200, body, headers };
}

export function refusal(status: number, headers: Record<string, string> = {}): Answer {
  return { status, body: { title: "No", status, detail: `refused with ${status}`, errors: [] }, headers };
}

export function setHidden(hidden: boolean): void {
  vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
  document.dispatchEvent(new Event("visibilitychange"));
}

export function setOnline(online: boolean): void {
  vi.spyOn(navigator, "onLine", "get").mockReturnValue(online);
  window.dispatchEvent(new Event(online ? "online" : "offline"));
}
