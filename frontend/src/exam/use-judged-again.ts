import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { type Attempt, isFinal, type Submission } from "../package";
import { useRunCode } from "../package/provider";
import { followOptions } from "../package/queries";

/** Staff may have something judged again that the page no longer asks for: where the attempt tells, it is asked for. */
export function useJudgedAgain(attempt: Attempt): void {
  const { client, scope } = useRunCode();
  const queries = useQueryClient();
  useEffect(() => {
    for (const told of attempt.submissions) {
      const { queryKey } = followOptions(client, scope, told.submission_id);
      const shown = queries.getQueryData(queryKey)?.submission;
      if (shown && isFinal(shown.status) && differ(told, shown)) queries.invalidateQueries({ queryKey });
    }
  }, [attempt, client, queries, scope]);
}

function differ(a: Submission, b: Submission): boolean {
  return a.status !== b.status || a.verdict !== b.verdict || a.score !== b.score;
}
