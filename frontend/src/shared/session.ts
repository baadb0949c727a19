/** Who is signed in, to which service, for how long this tab lives. Framework-free; both pages use it. */

export type Kind = "student" | "staff";

export interface Session {
  token: string;
  /** Empty for staff. */
  attemptId: string;
}

export interface SampleStudent {
  name: string;
  attempt_id: string;
  token: string;
}

/** What the local stack serves as `local.json`; its lists are empty where it cannot sign tokens. */
export interface LocalStack {
  url: string;
  students: SampleStudent[];
  staff: { name: string; token: string } | null;
}

export interface Service {
  url: string;
  /** Null: not the local stack. */
  local: LocalStack | null;
}

const storageKey = (kind: Kind): string => `run-code-page:session:${kind}`;

/**
 * Finds the service: the build's VITE_RUN_CODE_URL, else the local stack's `local.json`, which lies at the site's root
 * (`root` leads there from the page: "./" or "../"). Throws where neither is there.
 */
export async function findService(root: string, built = import.meta.env.VITE_RUN_CODE_URL): Promise<Service> {
  if (built) return { url: withoutSlash(built), local: null };
  const answer = await fetch(`${root}local.json`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`local.json: ${answer.status}`);
  const local = (await answer.json()) as LocalStack;
  return { url: withoutSlash(local.url), local };
}

/** Reads `#token=…&attempt=…`; null where it names no token. */
export function sessionOfFragment(fragment: string): Session | null {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const token = cleanToken(given.get("token") ?? "");
  return token ? { token, attemptId: given.get("attempt")?.trim() ?? "" } : null;
}

/** Takes a session out of the address bar, so that it stays in no history and no screenshot; else the tab's own. */
export function currentSession(kind: Kind): Session | null {
  const linked = sessionOfFragment(location.hash);
  if (!linked) return storedSession(kind);
  history.replaceState(history.state, "", location.pathname + location.search);
  storeSession(kind, linked);
  return linked;
}

export function storedSession(kind: Kind): Session | null {
  try {
    const stored = JSON.parse(sessionStorage.getItem(storageKey(kind)) ?? "null") as Partial<Session> | null;
    return stored?.token ? { token: stored.token, attemptId: stored.attemptId ?? "" } : null;
  } catch {
    return null;
  }
}

/** Null signs out. Where the browser forbids storage, the session lasts until the page is left. */
export function storeSession(kind: Kind, session: Session | null): void {
  try {
    if (session) sessionStorage.setItem(storageKey(kind), JSON.stringify(session));
    else sessionStorage.removeItem(storageKey(kind));
  } catch {}
}

/** A token as people paste it: with line breaks, quotes, or "Bearer " before it. */
export function cleanToken(pasted: string): string {
  return pasted
    .replace(/[\s"']+/g, " ")
    .trim()
    .replace(/^Bearer /i, "")
    .replaceAll(" ", "");
}

/** Whose token it is (its `sub`), as it says itself: for keeping students apart in this browser, never for rights. */
export function subjectOf(token: string): string | null {
  try {
    const payload = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const subject = (JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown }).sub;
    return typeof subject === "string" && subject !== "" ? subject : null;
  } catch {
    return null;
  }
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
