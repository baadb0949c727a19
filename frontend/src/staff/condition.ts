/** How the whole is, in words: pure. */
import type { Health, Problem } from "../package";
import { staff } from "../strings";

export type Level = "good" | "attention" | "bad";

export interface Condition {
  level: Level;
  /** For the supervisor; without numbers that change at every look, as it is read aloud. */
  sentence: string;
  /** For the browser's tab; null where there is no trouble. */
  short: string | null;
}

/** `problem` is why the last look got no answer; what was seen before it does not count then. */
export function conditionOf(health: Health | null, problem: Problem | null, offline: boolean): Condition {
  if (offline) return { level: "bad", ...staff.condition.offline };
  if (problem !== null) return { level: "bad", ...unanswered(problem) };
  if (health === null) return { level: "good", ...staff.condition.looking };
  return answered(health);
}

function unanswered(problem: Problem) {
  if (problem.status === 0) return staff.condition.unreachable;
  if (problem.status === 503) return staff.condition.databaseAway;
  if (problem.status === 401) return staff.condition.signedOut;
  return { ...staff.condition.unreachable, sentence: problem.detail };
}

function answered(health: Health): Condition {
  if (health.status === "unhealthy") return { level: "bad", ...staff.condition.databaseAway };
  if (health.judge.state === "open") return { level: "attention", ...staff.condition.judgeAway };
  if (health.judge.state === "half_open") return { level: "attention", ...staff.condition.judgeTried };
  if (health.judges.some((judge) => judge.state !== "closed")) {
    return { level: "attention", ...staff.condition.oneJudgeAway };
  }
  // By the contract there is but one other reason to be degraded.
  if (health.status === "degraded") return { level: "attention", ...staff.condition.longWait };
  return { level: "good", ...staff.condition.healthy };
}

/** The browser tab's title. `failed` submissions wait for somebody to have them judged again. */
export function titleOf(condition: Condition, failed: number): string {
  const troubles = [condition.short, failed > 0 ? staff.failed.short(failed) : null].filter((each) => each !== null);
  return troubles.length > 0 ? `⚠ ${troubles.join(", ")} · ${staff.title}` : staff.title;
}
