import { describe, expect, it } from "vitest";
import { clockFace, timeMark } from "./time-left";

describe("the time left", () => {
  it.each([
    [601, null],
    [600, "ten_minutes"],
    [61, "ten_minutes"],
    [60, "one_minute"],
    [1, "one_minute"],
    [0, "over"],
    [-5, "over"],
  ])("of %d s has the mark %s", (seconds, mark) => {
    expect(timeMark(seconds)).toBe(mark);
  });

  it.each([
    [3723, "1:02:03"],
    [599, "9:59"],
    [60, "1:00"],
    [0.2, "0:01"],
    [-3, "0:00"],
    [86399, "23:59:59"],
    [183600, "2 d 3 h"],
  ])("of %d s reads %s", (seconds, face) => {
    expect(clockFace(seconds)).toBe(face);
  });
});
