/** The service, as a page talks to it. Framework-free. */

import { problems } from "../strings";
import type { components, operations } from "./schema";
import { again, backoff, isFinal, pollAfter, sinceClockZero, type Timings, timings } from "./timings";
import { type Answer, Problem, parse, problemOf, query, retryAfter, textOf } from "./wire";

type Schemas = components["schemas"];
export type Submission = Schemas["SubmissionView"];
export type SubmissionRequest = Schemas["SubmissionRequest"];
export type Status = Schemas["Status"];
export type Verdict = Schemas["Verdict"];
export type RunType = Schemas["RunType"];
export type Test = Schemas["TestView"];
export type Attempt = Schemas["AttemptView"];
export type Question = Schemas["QuestionView"];
export type Sample = Schemas["Sample"];
export type Language = Schemas["LanguageView"];
export type Health = Schemas["HealthView"];
export type Overview = Schemas["OverviewView"];
export type SubmissionLine = Schemas["SubmissionLine"];
export type SubmissionList = Schemas["SubmissionList"];
export type SubmissionFilter = NonNullable<operations["list_submissions"]["parameters"]["query"]>;

/** How a page stands with the service. `retryAt`: epoch milliseconds by this machine's clock. */
export type Connection =
  | { state: "live" }
  | { state: "offline" }
  | { state: "unreachable"; retryAt: number }
  | { state: "rate_limited"; retryAt: number }
  | { state: "signed_out" }
  | { state: "hidden" };

export const LIVE: Connection = Object.freeze({ state: "live" });

export interface RunCodeClientOptions {
  /** The function's URL. */
  url: string;
  /** The bearer token of now; null while nobody is signed in. Asked before each request. */
  token: () => string | null;
  timings?: Partial<Timings>;
  fetch?: typeof fetch;
  /** 0 to 1: the jitter's chance. */
  random?: () => number;
}

export interface Insistence {
  /** Milliseconds to wait before the first call. */
  after?: number;
  /** Whether nothing is asked while the tab is hidden. */
  restsWhileHidden?: boolean;
  /** Told of each change, with what went wrong where something did. */
  tell: (connection: Connection, problem: Problem | null) => void;
  signal?: AbortSignal | undefined;
}

interface Known {
  submission: Submission;
  etag: string | null;
  /** Epoch milliseconds, to count the expected wait from: when it last had something new. */
  arrivedAt: number;
  /** When to ask next, by the monotonic clock. */
  dueAt: number;
}

interface Call {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

export class RunCodeClient {
  readonly timings: Timings;
  readonly #url: string;
  readonly #token: () => string | null;
  readonly #fetch: typeof fetch;
  readonly #random: () => number;
  readonly #known = new Map<string, Known>();
  readonly #whenSignedIn = new Set<() => void>();
  /** The token that was answered with 401: nothing is repeated with it. */
  #refusedToken: string | null = null;
  readonly #whenClockIsSet = new Set<() => void>();
  /** Epoch milliseconds by the service's clock when the monotonic one was at 0; null until it is known. */
  #origin: number | null = null;

  constructor(options: RunCodeClientOptions) {
    this.timings = { ...timings, ...options.timings };
    this.#url = options.url.replace(/\/+$/, "");
    this.#token = options.token;
    this.#fetch = options.fetch ?? ((input, init) => fetch(input, init));
    this.#random = options.random ?? Math.random;
  }

  /** Sends once. The same key and request again give the same submission. Rejects with Problem. */
  async submit(request: SubmissionRequest, idempotencyKey: string, signal?: AbortSignal): Promise<Submission> {
    const headers = { "Idempotency-Key": idempotencyKey };
    return this.#remember(await this.#call("POST", "/submissions", { body: request, headers, signal })).submission;
  }

  /** Asks once. Rejects with Problem. */
  async submission(id: string, signal?: AbortSignal): Promise<Submission> {
    const known = this.#known.get(id);
    const headers: Record<string, string> = known?.etag ? { "If-None-Match": known.etag } : {};
    try {
      const answer = await this.#call("GET", `/submissions/${encodeURIComponent(id)}`, { headers, signal });
      return this.#remember(answer, known?.submission).submission;
    } catch (error) {
      if (error instanceof Problem && (error.status === 404 || error.status === 403)) this.#known.delete(id);
      throw error;
    }
  }

  /**
   * Asks until the submission has a final status, and resolves with it.
   *
   * At once, unless the service has just spoken of it; then as it says (`Retry-After`, else `poll_after_seconds`). Not
   * while the tab is hidden, the machine is offline or the token is refused. `onUpdate` is called at each answer and
   * each change of the connection; `arrivedAt` is when the submission last had something new, epoch milliseconds.
   * Rejects with Problem where asking again is of no use (403, 404), and with the signal's reason.
   */
  async poll(
    id: string,
    onUpdate: (submission: Submission | null, connection: Connection, arrivedAt: number | null) => void,
    signal?: AbortSignal,
  ): Promise<Submission> {
    const update = (connection: Connection) => {
      const known = this.#known.get(id);
      onUpdate(known?.submission ?? null, connection, known?.arrivedAt ?? null);
    };
    if (this.#known.has(id)) update(LIVE);
    for (;;) {
      const known = this.#known.get(id);
      const after = known === undefined ? 0 : Math.max(0, known.dueAt - performance.now());
      if (known !== undefined && after > 0 && isFinal(known.submission.status)) return known.submission;
      await this.insist(() => this.submission(id, signal), { after, restsWhileHidden: true, tell: update, signal });
      update(LIVE);
    }
  }

  /**
   * Makes a call until it is answered: again after network failures, timeouts, 408, 429 and 5xx, with backoff or as the
   * service says; once a new token is there after a 401; at once when the machine is online again.
   *
   * Rejects with Problem where none of that helps, and with the signal's reason.
   */
  async insist<T>(
    call: () => Promise<T>,
    { after = 0, restsWhileHidden = false, tell, signal }: Insistence,
  ): Promise<T> {
    let told: Connection = LIVE;
    let problem: Problem | null = null;
    const change = (connection: Connection) => {
      if (connection.state !== told.state || retryAt(connection) !== retryAt(told)) tell(connection, problem);
      told = connection;
    };
    let waiting: Connection = LIVE;
    let ms = after;
    for (let failures = 0; ; ) {
      await this.#turn(ms, waiting, restsWhileHidden, change, signal);
      signal?.throwIfAborted(); // whoever asks and gives up in one breath (React's StrictMode) asks nothing
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        problem = error;
        failures += 1;
        if (error.status === 401) {
          // Renewed meanwhile: at once. But a page whose every new token is refused must not ask without end.
          ms = failures === 1 ? 0 : backoff(this.timings, failures - 1, this.#random);
          waiting = LIVE;
          continue;
        }
        const next = again(this.timings, error, failures, this.#random);
        if (next === null) throw error;
        ms = next.ms;
        waiting = { state: next.state, retryAt: Date.now() + ms };
      }
    }
  }

  /** To be called when `token` gives a new one: what waited for it goes on. */
  signedIn(): void {
    this.#refusedToken = null;
    for (const listener of [...this.#whenSignedIn]) listener();
  }

  /** Calls the listener at each `signedIn`, until the returned function is called. */
  onSignedIn(listener: () => void): () => void {
    this.#whenSignedIn.add(listener);
    return () => this.#whenSignedIn.delete(listener);
  }

  /** The submission as it was last answered, if it was. */
  lastKnown(id: string): Submission | null {
    return this.#known.get(id)?.submission ?? null;
  }

  /**
   * A moment of the service (`closes_at`) in epoch milliseconds by this machine's clock, which may be wrong and may be
   * set meanwhile: another number then.
   */
  localTime(moment: string): number {
    const time = Date.parse(moment);
    return this.#origin === null ? time : Math.round(time - this.#origin + sinceClockZero());
  }

  /** Calls the listener whenever `localTime` was mended by an answer, until the returned function is called. */
  onClockSet(listener: () => void): () => void {
    this.#whenClockIsSet.add(listener);
    return () => this.#whenClockIsSet.delete(listener);
  }

  /** Changes whenever `localTime` was mended by an answer. */
  get clockOrigin(): number | null {
    return this.#origin;
  }

  /** Takes a queued submission out of the line. Rejects with Problem (409 once judging began). */
  async cancel(id: string): Promise<Submission> {
    return this.#remember(await this.#call("DELETE", `/submissions/${encodeURIComponent(id)}`)).submission;
  }

  /** The exam, the scores so far and fifty submissions, newest first; `next_page_token` leads on. */
  attempt(id: string, pageToken?: string | null, signal?: AbortSignal): Promise<Attempt> {
    return this.#get(`/attempts/${encodeURIComponent(id)}${query({ page_token: pageToken })}`, signal);
  }

  question(id: string, signal?: AbortSignal): Promise<Question> {
    return this.#get(`/questions/${encodeURIComponent(id)}`, signal);
  }

  languages(signal?: AbortSignal): Promise<Language[]> {
    return this.#get("/languages", signal);
  }

  health(signal?: AbortSignal): Promise<Health> {
    return this.#get("/health", signal);
  }

  /** For staff. */
  overview(signal?: AbortSignal): Promise<Overview> {
    return this.#get("/overview", signal);
  }

  /** For staff. */
  submissions(filter: SubmissionFilter = {}, signal?: AbortSignal): Promise<SubmissionList> {
    return this.#get(`/submissions${query(filter)}`, signal);
  }

  /** For staff: has a `failed` one judged again. */
  async requeue(id: string): Promise<Submission> {
    return this.#remember(await this.#call("POST", `/submissions/${encodeURIComponent(id)}/requeue`)).submission;
  }

  async #get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return (await this.#call("GET", path, { signal })).body as T;
  }

  #remember(answer: Answer, unchanged?: Submission): Known {
    const submission = answer.status === 304 ? unchanged : (answer.body as Submission | null);
    // A proxy's own page may be JSON too.
    if (typeof submission?.submission_id !== "string") throw new Problem(0, problems.notUnderstood);
    const after = pollAfter(this.timings, retryAfter(answer.headers), submission.poll_after_seconds);
    const before = submission === unchanged ? this.#known.get(submission.submission_id) : undefined;
    const known = {
      submission,
      etag: answer.headers.get("ETag"),
      arrivedAt: before?.arrivedAt ?? Date.now(),
      dueAt: performance.now() + after,
    };
    this.#known.set(submission.submission_id, known);
    return known;
  }

  async #call(method: string, path: string, { body, headers, signal }: Call = {}): Promise<Answer> {
    signal?.throwIfAborted();
    const token = this.#token();
    const abort = new AbortController();
    const giveUp = () => abort.abort();
    let timer = setTimeout(giveUp, this.timings.request);
    const goOn = () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, this.timings.request);
    };
    signal?.addEventListener("abort", giveUp);
    const sentAt = performance.now();
    let response: Response;
    let text: string;
    try {
      response = await this.#fetch(this.#url + path, {
        method,
        headers: {
          ...headers,
          ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        cache: "no-store",
        credentials: "omit",
        signal: abort.signal,
      });
      text = await textOf(response, goOn);
    } catch {
      signal?.throwIfAborted();
      throw new Problem(0, problems.noAnswer);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
    }
    this.#compareClocks(response.headers.get("Date"), sentAt);
    const parsed = parse(text);
    if (response.status === 304) return { status: 304, body: null, headers: response.headers };
    if (!response.ok) {
      const problem = problemOf(response, parsed);
      if (problem.status === 401) this.#refusedToken = token;
      throw problem;
    }
    if (parsed === undefined) throw new Problem(0, problems.notUnderstood);
    return { status: response.status, body: parsed, headers: response.headers };
  }

  /** Browsers show the Date of another origin only where the service exposes it; without, this clock is believed. */
  #compareClocks(date: string | null, sentAt: number): void {
    const told = date === null ? Number.NaN : Date.parse(date);
    if (Number.isNaN(told)) return;
    const origin = told + 500 - (sentAt + performance.now()) / 2;
    const known = this.#origin ?? sinceClockZero();
    // The service's Date has whole seconds.
    const noise = Math.abs(origin - known) <= timings.clockNoise;
    if (noise && this.#origin !== null) return;
    this.#origin = noise ? known : origin;
    for (const listener of [...this.#whenClockIsSet]) listener();
  }

  /** Resolves when `ms` have passed and nothing stands in the way of a request; `tell` hears what does, or `waiting`. */
  async #turn(
    ms: number,
    waiting: Connection,
    restsWhileHidden: boolean,
    tell: (connection: Connection) => void,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let dueAt = performance.now() + ms;
    // Not every browser that says it is offline is: some know no network but the one that is unplugged.
    const anywayAt = performance.now() + Math.max(ms, this.timings.backoffMost);
    let waitingFor = waiting;
    for (;;) {
      signal?.throwIfAborted();
      const obstacle = this.#obstacle(restsWhileHidden);
      tell(obstacle ?? waitingFor);
      const left = dueAt - performance.now();
      if (obstacle === null && left <= 0) return;
      const leftAnyway = obstacle?.state === "offline" ? anywayAt - performance.now() : null;
      const resting = restsWhileHidden && isHidden();
      if (leftAnyway !== null && leftAnyway <= 0 && !resting) return;
      await this.#change(obstacle === null ? left : resting ? null : leftAnyway, signal);
      const gone = obstacle !== null && obstacle.state !== this.#obstacle(restsWhileHidden)?.state;
      if (gone && obstacle.state !== "hidden") [dueAt, waitingFor] = [performance.now(), LIVE];
    }
  }

  #obstacle(restsWhileHidden: boolean): Connection | null {
    const token = this.#token();
    if (token === null || token === this.#refusedToken) return { state: "signed_out" };
    if (typeof navigator !== "undefined" && navigator.onLine === false) return { state: "offline" };
    if (restsWhileHidden && isHidden()) return { state: "hidden" };
    return null;
  }

  /** Resolves after `ms` (null: never), or when the network, the tab or the token changes, or at the abort. */
  #change(ms: number | null, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const stopListening = this.onSignedIn(done);
      const timer = ms === null ? undefined : setTimeout(done, ms);
      function done() {
        clearTimeout(timer);
        stopListening();
        signal?.removeEventListener("abort", done);
        globalThis.removeEventListener?.("online", done);
        globalThis.removeEventListener?.("offline", done);
        globalThis.document?.removeEventListener("visibilitychange", done);
        resolve();
      }
      signal?.addEventListener("abort", done);
      globalThis.addEventListener?.("online", done);
      globalThis.addEventListener?.("offline", done);
      globalThis.document?.addEventListener("visibilitychange", done);
    });
  }
}

function retryAt(connection: Connection): number | null {
  return "retryAt" in connection ? connection.retryAt : null;
}

function isHidden(): boolean {
  return typeof document !== "undefined" && document.hidden;
}
