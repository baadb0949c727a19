/** What goes over the wire: a query, an answer's pieces, and a refusal. */

import { problems } from "../strings";
import type { components } from "./schema";

/** A Retry-After beyond this is taken as this: browsers' timers overflow, and no exam waits longer. */
const LONGEST_RETRY_AFTER_SECONDS = 3600;
/** How every refusal of the service itself is written. What lies between may refuse too (a portal, a proxy). */
const PROBLEM_TYPE = "application/problem+json";

/** What the service refused, or that it did not answer. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    /** The HTTP status; 0 where there was no answer, or none that could be understood. */
    readonly status: number,
    /** A sentence for whoever sits in front of the page. */
    readonly detail: string,
    readonly fields: readonly { field: string; message: string }[] = [],
    /** Milliseconds from now. */
    readonly retryAfter: number | null = null,
    readonly requestId: string | null = null,
  ) {
    super(detail);
  }
}

export interface Answer {
  status: number;
  body: unknown;
  headers: Headers;
}

/** The body. `goOn` is called at each piece of it: a slow network is no silent one. */
export async function textOf(response: Response, goOn: () => void): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  if (response.body === null) return text;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    goOn();
    text += decoder.decode(value, { stream: true });
  }
}

export function query(parameters: Record<string, string | null | undefined>): string {
  const given = Object.entries(parameters).filter((each): each is [string, string] => each[1] != null);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

export function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Milliseconds; null where there is none, or not in seconds. */
export function retryAfter(headers: Headers): number | null {
  const seconds = Number.parseFloat(headers.get("Retry-After") ?? "");
  return Number.isNaN(seconds) ? null : Math.min(Math.max(0, seconds), LONGEST_RETRY_AFTER_SECONDS) * 1000;
}

export function problemOf(response: Response, body: unknown): Problem {
  const { status, headers } = response;
  const isOurs = headers.get("Content-Type")?.startsWith(PROBLEM_TYPE) ?? false;
  // Only the service's own word refuses: what a portal or a proxy says is no answer to what was sent.
  if (!isOurs && status < 500 && status !== 429) {
    return new Problem(0, problems.notUnderstood, [], retryAfter(headers));
  }
  const { detail, errors } = (body ?? {}) as Partial<components["schemas"]["Problem"]>;
  return new Problem(
    status,
    typeof detail === "string" ? detail : problems.status(status),
    Array.isArray(errors) ? errors : [],
    retryAfter(headers),
    headers.get("X-Request-Id"),
  );
}
