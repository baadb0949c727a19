import { act, renderHook } from "@testing-library/react";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CodeStore } from "./code-store";
import { useKeptCode } from "./use-kept-code";

const place = { student: "ada", attemptId: "final-ada", questionId: "sum" };
const store = new CodeStore();

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("keeps what is typed also where nobody pauses", () => {
  const { result } = renderHook(() => useKeptCode(store, place, "python"));
  for (let length = 1; length <= 10; length++) {
    act(() => result.current.onChange("x".repeat(length), length));
    act(() => vi.advanceTimersByTime(100));
  }
  expect(store.code(place, "python")?.code.length).toBeGreaterThanOrEqual(7);
  act(() => vi.advanceTimersByTime(300));
  expect(store.code(place, "python")?.code).toBe("x".repeat(10));
});

it("gives the last keystroke before it is rendered", () => {
  const { result } = renderHook(() => useKeptCode(store, place, "python"));
  const before = result.current;
  act(() => {
    before.onChange("print(1)", 8);
    expect(before.latest().code).toBe("print(1)");
    expect(result.current.current.code).toBe("");
  });
});
