import { useCallback, useRef, useState } from "react";
import { Problem, type RunCodeClient, type SubmissionLine } from "../package";
import { staff } from "../strings";

/** What became of "judge again" for one submission; `at` is when it was answered, in epoch ms. */
export type Requeueing = { state: "sending" } | { state: "in_line"; at: number } | { state: "refused"; why: string };

export interface UseRequeueing {
  of(submissionId: string): Requeueing | undefined;
  /** How many of "all" are answered; null where "all" is not under way. */
  allDone: number | null;
  /** How the last one or the last "all" ended, in words; empty before. */
  said: string;
  one(line: SubmissionLine): Promise<void>;
  /** One after the other; ends early where the service does not answer. `find` gives them, also those not shown yet. */
  all(find: () => Promise<SubmissionLine[]>): Promise<void>;
}

/** `answered` is called after each press that the service answered: what is shown of the list is old then. */
export function useRequeueing(client: RunCodeClient, answered: () => void): UseRequeueing {
  const [outcomes, setOutcomes] = useState<ReadonlyMap<string, Requeueing>>(new Map());
  const [allDone, setAllDone] = useState<number | null>(null);
  const [said, setSaid] = useState("");
  const underWay = useRef(new Set<string>());

  const send = useCallback(
    async (submissionId: string): Promise<Problem | null> => {
      const note = (outcome: Requeueing) => setOutcomes((before) => new Map(before).set(submissionId, outcome));
      underWay.current.add(submissionId);
      note({ state: "sending" });
      try {
        await client.requeue(submissionId);
        note({ state: "in_line", at: Date.now() });
        return null;
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        note({ state: "refused", why: error.detail });
        return error;
      } finally {
        underWay.current.delete(submissionId);
      }
    },
    [client],
  );

  const one = useCallback(
    async (line: SubmissionLine) => {
      if (underWay.current.size > 0) return;
      const problem = await send(line.submission_id);
      setSaid(staff.failed.one(line, problem?.detail ?? null));
      if (!unanswered(problem)) answered();
    },
    [send, answered],
  );

  const all = useCallback(
    async (find: () => Promise<SubmissionLine[]>) => {
      if (underWay.current.size > 0) return;
      underWay.current.add("all");
      setAllDone(0);
      const problems: Problem[] = [];
      let done = 0;
      try {
        for (const line of await find()) {
          const problem = await send(line.submission_id);
          if (problem !== null) problems.push(problem);
          if (unanswered(problem)) break;
          done += 1;
          setAllDone(done);
        }
      } finally {
        underWay.current.delete("all");
        setAllDone(null);
      }
      const inLine = done - problems.filter((problem) => !unanswered(problem)).length;
      setSaid(staff.failed.result(inLine, problems.length, [...new Set(problems.map(({ detail }) => detail))]));
      answered();
    },
    [send, answered],
  );

  return { of: (submissionId) => outcomes.get(submissionId), allDone, said, one, all };
}

function unanswered(problem: Problem | null): boolean {
  return problem !== null && (problem.status === 0 || problem.status === 401 || problem.status >= 500);
}
