import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cleanToken, currentSession, findService, sessionOfFragment, storeSession, subjectOf } from "./session";

function tokenOf(payload: object): string {
  const bytes = new TextEncoder().encode(JSON.stringify(payload));
  const text = btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
  return `e30.${text}.signature`;
}

beforeEach(() => sessionStorage.clear());
afterEach(() => vi.unstubAllGlobals());

describe("the session", () => {
  it("is taken out of the address bar and kept for this tab", () => {
    history.replaceState(null, "", "/exam/?a=b#token=abc.def.ghi&attempt=final%201");
    expect(currentSession("student")).toEqual({ token: "abc.def.ghi", attemptId: "final 1" });
    expect(location.href).not.toContain("abc");
    expect(location.search).toBe("?a=b");
    expect(currentSession("student")).toEqual({ token: "abc.def.ghi", attemptId: "final 1" });
  });

  it("of staff is apart from that of a student", () => {
    storeSession("student", { token: "t", attemptId: "a" });
    expect(currentSession("staff")).toBeNull();
  });

  it("is gone after signing out", () => {
    storeSession("student", { token: "t", attemptId: "a" });
    storeSession("student", null);
    expect(currentSession("student")).toBeNull();
  });

  it("is none where the fragment is only a heading of the page", () => {
    expect(sessionOfFragment("#statement")).toBeNull();
  });

  it("is none where what is stored is damaged", () => {
    sessionStorage.setItem("run-code-page:session:student", "{");
    expect(currentSession("student")).toBeNull();
  });
});

describe("a token", () => {
  it("says whose it is, in any script", () => {
    expect(subjectOf(tokenOf({ sub: "zoë-Ω?>" }))).toBe("zoë-Ω?>");
  });

  it.each(["", "abc", "a.b.c", tokenOf({}), tokenOf({ sub: 3 })])(
    "that names nobody belongs to nobody: %s",
    (token) => {
      expect(subjectOf(token)).toBeNull();
    },
  );

  it.each(["a.b.c", " a.b.c\n", '"a.b.c"', "Bearer a.b.c", "bearer a.b\n.c"])("may be pasted as %j", (pasted) => {
    expect(cleanToken(pasted)).toBe("a.b.c");
  });
});

describe("the service", () => {
  it("is the one of the build", async () => {
    expect(await findService("./", "https://example.org/run-code/")).toEqual({
      url: "https://example.org/run-code",
      local: null,
    });
  });

  it("is else the local stack's", async () => {
    const local = { url: "http://127.0.0.1:8080", students: [], staff: null };
    const get = vi.fn(async () => Response.json(local));
    vi.stubGlobal("fetch", get);
    expect(await findService("../", "")).toEqual({ url: "http://127.0.0.1:8080", local });
    expect(get).toHaveBeenCalledWith("../local.json", { cache: "no-store" });
  });

  it("is missed aloud", async () => {
    vi.stubGlobal("fetch", async () => new Response("", { status: 404 }));
    await expect(findService("./", "")).rejects.toThrow("404");
  });
});
