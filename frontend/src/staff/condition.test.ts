import { describe, expect, it } from "vitest";
import { type Health, Problem } from "../package";
import { conditionOf, titleOf } from "./condition";

function health(status: Health["status"], judge: Health["judge"]["state"] = "closed"): Health {
  return {
    status,
    queue_length: 0,
    processing: 0,
    max_concurrent: 3,
    uptime: 1,
    queues: {},
    judge: { state: judge, since: null },
    judges: [],
    version: "0",
  };
}

const seen = (status: Health["status"], judge?: Health["judge"]["state"]) =>
  conditionOf(health(status, judge), null, false);

describe("the condition", () => {
  it("is good while the service is healthy, and says nothing in the tab's title", () => {
    expect(seen("healthy")).toMatchObject({ level: "good", short: null });
  });

  it("names the judge where the breaker is open", () => {
    expect(seen("degraded", "open")).toMatchObject({ level: "attention", short: "Judge away" });
  });

  it("says that the judge is being tried where the breaker is half open", () => {
    expect(seen("degraded", "half_open")).toMatchObject({ level: "attention", short: "Judge being tried" });
  });

  it("says that one judge of several is away where the others answer", () => {
    const judges: Health["judges"] = [
      { name: "a", state: "closed", slots: 3 },
      { name: "b", state: "half_open", slots: 3 },
    ];
    const condition = conditionOf({ ...health("degraded"), judges }, null, false);
    expect(condition).toMatchObject({ level: "attention", short: "One judge away" });
  });

  it("says that somebody waits where the service is degraded though the judge answers", () => {
    expect(seen("degraded").sentence).toBe("Somebody has waited for more than a minute.");
  });

  it("is bad where the service cannot reach its database", () => {
    expect(seen("unhealthy")).toMatchObject({ level: "bad", short: "Database away" });
  });

  it.each([
    [0, "No answer"],
    [401, "Signed out"],
    [503, "Database away"],
  ])("is bad where the last look got the status %i, whatever was seen before", (status, short) => {
    const problem = new Problem(status, "Why.");
    expect(conditionOf(health("healthy"), problem, false)).toMatchObject({ level: "bad", short });
  });

  it("gives the service's own words for what it refuses", () => {
    expect(conditionOf(null, new Problem(429, "Too many."), false).sentence).toBe("Too many.");
  });

  it("tells of this computer's network before all else", () => {
    expect(conditionOf(health("healthy"), new Problem(0, "Why."), true).short).toBe("Offline");
  });
});

describe("the tab's title", () => {
  it("is plain without trouble", () => {
    expect(titleOf(seen("healthy"), 0)).toBe("Supervisor · run-code");
  });

  it("begins with every trouble", () => {
    expect(titleOf(seen("degraded", "open"), 3)).toBe("⚠ Judge away, 3 failed · Supervisor · run-code");
  });

  it("tells of what failed though the service is healthy", () => {
    expect(titleOf(seen("healthy"), 1)).toBe("⚠ 1 failed · Supervisor · run-code");
  });
});
