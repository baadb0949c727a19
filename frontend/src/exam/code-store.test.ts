import { beforeEach, describe, expect, it, vi } from "vitest";
import { CodeStore } from "./code-store";

const place = { student: "ada", attemptId: "final", questionId: "sum" };
const kept = { code: "print(1)", caret: 3, savedAt: 1000 };
const day = 24 * 3600 * 1000;

let store: CodeStore;
beforeEach(() => {
  localStorage.clear();
  store = new CodeStore();
});

describe("code", () => {
  it("is found again after a reload", () => {
    store.keepCode(place, "python", kept);
    expect(new CodeStore().code(place, "python")).toEqual(kept);
  });

  it.each([
    ["another student's", { ...place, student: "bob" }, "python"],
    ["another attempt's", { ...place, attemptId: "other" }, "python"],
    ["another question's", { ...place, questionId: "sorting" }, "python"],
    ["another language's", place, "c"],
    [
      "that of ids which only look alike when joined",
      { student: "ada:final", attemptId: "sum", questionId: "python" },
      "",
    ],
  ])("is never %s", (_, otherPlace, language) => {
    store.keepCode(place, "python", kept);
    expect(store.code(otherPlace, language)).toBeNull();
  });

  it("that is damaged is none", () => {
    store.keepCode(place, "python", kept);
    localStorage.setItem(localStorage.key(0) ?? "", '{"savedAt": 1}');
    expect(store.code(place, "python")).toBeNull();
  });

  it("that finds no room is told", () => {
    const full = {
      setItem: () => {
        throw new DOMException("full", "QuotaExceededError");
      },
    } as unknown as Storage;
    expect(new CodeStore(() => full).keepCode(place, "python", kept)).toBe(false);
  });

  it("is neither kept nor missed aloud where the browser forbids storage", () => {
    const forbidden = new CodeStore(() => {
      throw new DOMException("no", "SecurityError");
    });
    expect(forbidden.keepCode(place, "python", kept)).toBe(false);
    expect(forbidden.code(place, "python")).toBeNull();
    forbidden.clean(0);
  });
});

describe("another tab", () => {
  const fire = (key: string | null) => window.dispatchEvent(new StorageEvent("storage", { key }));

  it("is heard when it keeps newer code for the same place", () => {
    const onNewer = vi.fn();
    const end = store.watch(place, "python", onNewer);
    store.keepCode(place, "python", kept);
    const key = localStorage.key(0);
    fire(key);
    expect(onNewer).toHaveBeenCalledExactlyOnceWith(kept);
    end();
    fire(key);
    expect(onNewer).toHaveBeenCalledOnce();
  });

  it("is not heard about another place", () => {
    const onNewer = vi.fn();
    const end = store.watch(place, "python", onNewer);
    store.keepCode(place, "c", kept);
    fire(localStorage.key(0));
    fire(null);
    expect(onNewer).not.toHaveBeenCalled();
    end();
  });
});

describe("cleaning", () => {
  it("forgets what is older than thirty days, and nothing else", () => {
    store.keepCode(place, "python", { ...kept, savedAt: 0 });
    store.keepCode(place, "c", { ...kept, savedAt: 1 });
    store.keepQuestion(place, { language: "c", stdin: "", ownInput: false, tab: "run", savedAt: 0 });
    store.keepAttempt("ada", "final", { questionId: "sum", opened: [], savedAt: 1 });
    localStorage.setItem("another page's", "0");
    store.clean(30 * day + 1);
    expect(store.code(place, "python")).toBeNull();
    expect(store.code(place, "c")).not.toBeNull();
    expect(store.question(place)).toBeNull();
    expect(store.attempt("ada", "final")).not.toBeNull();
    expect(localStorage.getItem("another page's")).toBe("0");
  });
});
