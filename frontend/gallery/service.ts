/** A service that answers from a script, for whole pages: nothing leaves the browser. */
import { CodeStore } from "../src/exam/code-store";
import { RunCodeClient, type RunType } from "../src/package";
import { Outbox } from "../src/package/sending";
import { storeSession } from "../src/shared/session";
import { code, type ProblemJson } from "./fixtures";

const url = "https://service.example";
/** Of the student "alice". */
const token = `e30.${btoa(JSON.stringify({ sub: "alice" }))}.signature`;

/** A body; a problem; `"never"`: there is no network; `"later"`: the answer is long in coming. */
export type Scripted = object | ProblemJson | "never" | "later";

/** Answers `"METHOD /path?query"`, else that without the query; what is not scripted is a 404. */
function scripted(script: Record<string, Scripted>): typeof fetch {
  return async (input, init) => {
    const path = String(input).replace(url, "").replace("./", "");
    const method = init?.method ?? "GET";
    const answer = script[`${method} ${path}`] ?? script[`${method} ${path.split("?")[0]}`];
    if (answer === "never") throw new TypeError("Failed to fetch");
    if (answer === "later") return new Promise(() => {});
    if (answer === undefined) return json(404, { status: 404, detail: "Nothing here." });
    return json("detail" in answer ? (answer as ProblemJson).status : 200, answer);
  };
}

function json(status: number, body: object): Response {
  const type = status < 400 ? "application/json" : "application/problem+json";
  const headers = { "Content-Type": type, "Retry-After": status === 429 ? "600" : "60" };
  return new Response(JSON.stringify(body), { status, headers });
}

export function scriptedClient(script: Record<string, Scripted>): RunCodeClient {
  return new RunCodeClient({ url, token: () => token, fetch: scripted(script) });
}

/** In place of the network, and with a browser that knows nothing yet, until the returned function is called. */
export function served(script: Record<string, Scripted>): () => void {
  const real = window.fetch;
  for (const storage of [localStorage, sessionStorage]) {
    for (const key of Object.keys(storage)) {
      if (key.startsWith("run-code") && key !== "run-code-page:theme") storage.removeItem(key);
    }
  }
  window.fetch = scripted(script);
  return () => {
    window.fetch = real;
  };
}

export function signedIn(): void {
  storeSession("student", { token, attemptId: "sample-alice" });
}

/** As if the button had been pressed and the page closed: on opening it the page sends it. */
export function pressed(runType: RunType, stdin?: string): void {
  const place = { student: "alice", attemptId: "sample-alice", questionId: "two-numbers" };
  const store = new CodeStore();
  const savedAt = Date.now();
  const ownInput = stdin !== undefined;
  store.keepCode(place, "python", { code, caret: 0, savedAt });
  store.keepQuestion(place, { language: "python", stdin: stdin ?? "", ownInput, tab: runType, savedAt });
  new Outbox(scriptedClient({}), "alice").send({
    attempt_id: place.attemptId,
    question_id: place.questionId,
    language: "python",
    code,
    run_type: runType,
    ...(ownInput && { stdin }),
  });
}

/** The browser says that it has no network, until the returned function is called. */
export function offline(): () => void {
  Object.defineProperty(navigator, "onLine", { get: () => false, configurable: true });
  return () => Reflect.deleteProperty(navigator, "onLine");
}
