/** From a press to the service's answer, over reloads, lost networks and closed lids. Framework-free. */

import { type Connection, LIVE, type RunCodeClient, type RunType, type SubmissionRequest } from "./client";
import { isFinal } from "./timings";
import { Problem } from "./wire";

/** What was pressed last for one question. Kept in this browser. */
export interface Sending {
  /** The idempotency key: of this press, however often it is sent. */
  key: string;
  request: SubmissionRequest;
  /** Epoch milliseconds by this machine's clock. */
  pressedAt: number;
  /** Null until the service has answered. */
  submissionId: string | null;
  /** What proves that it was taken, where the service gives receipts. */
  receipt: string | null;
  /** Whether the service may have recorded it already, although no answer came. */
  tried: boolean;
  /** Cancelled by the student while nobody knew whether it was recorded: cancelled there as soon as that is known. */
  unwanted: boolean;
}

/** One press, as the page shows it. */
export interface Pressed {
  sending: Sending;
  /** While there is no answer yet: what it waits for. */
  connection: Connection;
  /** Why it was refused, or what went wrong the last time it was sent. */
  problem: Problem | null;
  refused: boolean;
  /** Whether it would outlive a reload: false where storage is full or forbidden. */
  kept: boolean;
}

/** Where a press is kept: one for each button of each question. */
export interface Place {
  attemptId: string;
  questionId: string;
  runType: RunType;
}

/** The part of localStorage that is used. */
export type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

const PREFIX = "run-code:";
/** For how long what was answered is still shown. Milliseconds. */
const SHOWN_FOR = 30 * 24 * 3_600_000;

/**
 * Sends what is pressed until it is answered, with one idempotency key for each press.
 *
 * A press is stored before it is sent; whatever is stored without an answer is sent again by the next `start`. Tabs
 * share what is stored, and send one at a time (where the browser has Web Locks; else the key keeps a second POST from
 * making a second submission). Where nothing can be stored it works from memory, until the page is closed.
 */
export class Outbox {
  readonly #client: RunCodeClient;
  readonly #prefix: string;
  readonly #storage: Storage | null;
  readonly #pressed = new Map<string, Pressed | null>();
  readonly #listeners = new Set<() => void>();
  #work: AbortController | null = null;

  /** `scope` keeps two students of one browser apart. */
  constructor(client: RunCodeClient, scope: string, storage: Storage | null = browserStorage()) {
    this.#client = client;
    this.#prefix = `${PREFIX}${encodeURIComponent(scope)}:`;
    this.#storage = storage;
  }

  /** What was pressed last there; the same object until it changes. */
  at(place: Place): Pressed | null {
    return this.#at(this.#name(place));
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Whether anything that this student pressed is still without an answer. */
  hasUnsent(): boolean {
    return [...this.#pressed.values()].some(isUnanswered);
  }

  /** Shows no more of what was answered or refused: on signing out of a browser that others use too. */
  clearAnswered(): void {
    for (const name of new Set([...this.#storedNames(), ...this.#pressed.keys()])) {
      const pressed = this.#at(name);
      if (pressed !== null && !isUnanswered(pressed)) this.#change(name, null);
    }
  }

  /**
   * Goes on with what is stored and not answered, and follows the other tabs, until the returned function is called.
   * Meanwhile the browser asks before a page is closed with something unanswered.
   */
  start(): () => void {
    const work = new AbortController();
    this.#work = work;
    for (const name of this.#storedNames()) {
      if (isOld(this.#stored(name))) this.#store(name, null);
      else this.#adopt(name);
    }
    for (const [name, pressed] of this.#pressed) {
      if (pressed !== null) this.#deliver(name, pressed.sending.key);
    }
    const follow = ({ key, newValue }: StorageEvent) => {
      if (!key?.startsWith(this.#prefix)) return;
      if (newValue === null) this.#dropped(key);
      else this.#follow(key);
    };
    const ask = (event: BeforeUnloadEvent) => {
      if (!this.hasUnsent()) return;
      event.preventDefault();
      event.returnValue = true; // what Chrome before 119 looks at
    };
    globalThis.addEventListener("storage", follow);
    globalThis.addEventListener("beforeunload", ask);
    return () => {
      globalThis.removeEventListener("storage", follow);
      globalThis.removeEventListener("beforeunload", ask);
      work.abort();
      if (this.#work === work) this.#work = null;
    };
  }

  /** Ignored while what was pressed last there is under way. */
  send(request: SubmissionRequest): void {
    const name = this.#name({
      attemptId: request.attempt_id,
      questionId: request.question_id,
      runType: request.run_type,
    });
    this.#follow(name); // another tab's press may be newer than its event
    if (this.#underWay(name)) return;
    const key = newKey();
    const pressedAt = Date.now();
    const sending = { key, request, pressedAt, submissionId: null, receipt: null, tried: false, unwanted: false };
    this.#change(name, { sending, connection: LIVE, problem: null, refused: false });
    this.#deliver(name, key);
  }

  /**
   * Takes back what is not answered yet: at once where the service surely has not recorded it, else as soon as it says
   * that it has.
   */
  takeBack(place: Place): void {
    const name = this.#name(place);
    const pressed = this.#at(name);
    if (pressed === null || !isUnanswered(pressed)) return;
    if (pressed.sending.tried) this.#change(name, { ...pressed, sending: { ...pressed.sending, unwanted: true } });
    else this.#change(name, null);
  }

  /** Shows it no more. Ignored while it is under way. */
  forget(place: Place): void {
    const name = this.#name(place);
    if (!this.#underWay(name)) this.#change(name, null);
  }

  #underWay(name: string): boolean {
    const pressed = this.#at(name);
    if (pressed === null || pressed.refused) return false;
    const { submissionId } = pressed.sending;
    if (submissionId === null) return true;
    const known = this.#client.lastKnown(submissionId);
    return known !== null && !isFinal(known.status);
  }

  /** Sends it until there is an answer. Nobody waits for this. */
  async #deliver(name: string, key: string): Promise<void> {
    const signal = this.#work?.signal;
    if (signal === undefined) return;
    const tell = (connection: Connection, problem: Problem | null) => {
      const pressed = this.#waiting(name, key);
      if (pressed !== null) this.#change(name, { ...pressed, connection, problem });
    };
    const send = () => exclusively(this.#prefix + key, signal, () => this.#sendOnce(name, key, signal));
    try {
      if (this.#waiting(name, key) !== null) await this.#client.insist(send, { tell, signal });
      await this.#cancelUnwanted(name, key, signal);
    } catch (error) {
      const pressed = this.#waiting(name, key);
      if (signal.aborted || pressed === null) return;
      const problem = error instanceof Problem ? error : new Problem(0, String(error));
      this.#change(name, { ...pressed, connection: LIVE, problem, refused: true });
    }
  }

  async #sendOnce(name: string, key: string, signal: AbortSignal): Promise<void> {
    this.#follow(name); // another tab may have sent it while this one waited for its turn
    const pressed = this.#waiting(name, key);
    if (pressed === null) return;
    const before = pressed.sending.tried;
    this.#change(name, { ...pressed, sending: { ...pressed.sending, tried: true } });
    try {
      const submission = await this.#client.submit(pressed.sending.request, key, signal);
      const answered = this.#waiting(name, key);
      if (answered === null) return;
      const { submission_id: submissionId, receipt = null } = submission;
      const sending = { ...answered.sending, submissionId, receipt };
      this.#change(name, { sending, connection: LIVE, problem: null, refused: false });
    } catch (error) {
      // A 429 is for keys that are not recorded; a 401 says nothing of what was sent before.
      const status = error instanceof Problem ? error.status : 0;
      const tried = status === 429 ? false : status === 401 ? before : true;
      const failed = this.#waiting(name, key);
      if (failed?.sending.unwanted && !tried) this.#change(name, null);
      else if (failed !== null) this.#change(name, { ...failed, sending: { ...failed.sending, tried } });
      throw error;
    }
  }

  async #cancelUnwanted(name: string, key: string, signal: AbortSignal): Promise<void> {
    const pressed = this.#at(name);
    if (pressed?.sending.key !== key || !pressed.sending.unwanted || pressed.sending.submissionId === null) return;
    const { submissionId } = pressed.sending;
    // Where it is being judged already (409) the result is shown, as always.
    await this.#client.insist(() => this.#client.cancel(submissionId), { tell: () => {}, signal }).catch(() => {});
    const now = this.#at(name); // the student may have pressed anew while that was on its way
    if (signal.aborted || now?.sending.key !== key) return;
    this.#change(name, { ...now, sending: { ...now.sending, unwanted: false } });
  }

  /** What waits there for its answer, if it is still this press. */
  #waiting(name: string, key: string): Pressed | null {
    const pressed = this.#at(name);
    return pressed?.sending.key === key && isUnanswered(pressed) ? pressed : null;
  }

  #at(name: string): Pressed | null {
    const held = this.#pressed.get(name);
    if (held !== undefined) return held;
    const sending = this.#stored(name);
    const pressed = sending === null ? null : { sending, connection: LIVE, problem: null, refused: false, kept: true };
    this.#pressed.set(name, pressed);
    return pressed;
  }

  #change(name: string, pressed: Omit<Pressed, "kept"> | null): void {
    const kept = this.#store(name, pressed === null || pressed.refused ? null : pressed.sending);
    this.#pressed.set(name, pressed && { ...pressed, kept });
    this.#tellListeners();
  }

  /** Takes over what another tab has stored, and has a part in sending it. */
  #follow(name: string): void {
    const before = this.#pressed.get(name)?.sending.key;
    this.#adopt(name);
    const after = this.#pressed.get(name)?.sending.key;
    if (after !== undefined && after !== before) this.#deliver(name, after);
  }

  #adopt(name: string): void {
    const pressed = this.#pressed.get(name);
    const sending = this.#stored(name);
    if (sending === null || JSON.stringify(sending) === JSON.stringify(pressed?.sending)) return;
    const waitsStill = pressed?.sending.key === sending.key && sending.submissionId === null;
    const { connection, problem } = waitsStill ? pressed : { connection: LIVE, problem: null };
    this.#pressed.set(name, { sending, connection, problem, refused: false, kept: true });
    this.#tellListeners();
  }

  /** Another tab has forgotten or taken back what was there, or it was refused there. */
  #dropped(name: string): void {
    if (this.#at(name)?.refused) return;
    this.#pressed.set(name, null);
    this.#tellListeners();
  }

  #tellListeners(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  #name({ attemptId, questionId, runType }: Place): string {
    return `${this.#prefix}${[attemptId, questionId, runType].map(encodeURIComponent).join(":")}`;
  }

  #storedNames(): string[] {
    try {
      const { length } = this.#storage ?? { length: 0 };
      const names = Array.from({ length }, (_, index) => this.#storage?.key(index) ?? "");
      return names.filter((name) => name.startsWith(this.#prefix));
    } catch {
      return [];
    }
  }

  #stored(name: string): Sending | null {
    try {
      return JSON.parse(this.#storage?.getItem(name) ?? "null");
    } catch {
      return null;
    }
  }

  /** Whether it is stored. Where it cannot be, what is in memory is sent all the same. */
  #store(name: string, sending: Sending | null): boolean {
    try {
      // Removed first: where there is no room for the new one, the old one must not come back in its place.
      this.#storage?.removeItem(name);
      if (sending !== null) this.#storage?.setItem(name, JSON.stringify(sending));
      return this.#storage !== null && sending !== null;
    } catch {
      return false; // full or forbidden
    }
  }
}

function isUnanswered(pressed: Pressed | null): boolean {
  return pressed !== null && !pressed.refused && pressed.sending.submissionId === null;
}

function isOld(sending: Sending | null): boolean {
  return sending !== null && sending.submissionId !== null && Date.now() - sending.pressedAt > SHOWN_FOR;
}

function browserStorage(): Storage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null; // forbidden, as in a sandboxed frame
  }
}

/** Work that one tab at a time does, where the browser has locks. */
async function exclusively(name: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
  if (locks === undefined) return work();
  let begun = false;
  try {
    await locks.request(name, { signal }, () => {
      begun = true;
      return work();
    });
  } catch (error) {
    if (begun || signal.aborted) throw error;
    return work(); // forbidden, as in a sandboxed frame
  }
}

/** 128 random bits, also where the page is not served securely. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
