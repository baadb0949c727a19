import { useInfiniteQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { type Attempt, type Language, type Submission, TestResults, useAttempt, useClient } from "../package";
import { buttons, verdicts, exam as words } from "../strings";
import type { Place } from "./code-store";

const said = words.history;
const time = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

interface HistoryProps {
  attempt: Attempt;
  place: Place;
  labels: readonly Language[];
  onRestore: (from: { language: string; code: string }) => void;
}

/**
 * All that was sent for this question: what the attempt tells, which is asked for anew whenever this is opened, and the
 * older pages, each of them read once.
 */
export function History({ attempt, place, labels, onRestore }: HistoryProps): ReactNode {
  const client = useClient();
  const [open, setOpen] = useState<string | null>(null);
  const { data: newest = attempt } = useAttempt(place.attemptId);
  const { data, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = useInfiniteQuery({
    queryKey: ["run-code", place.student, "history", place.attemptId],
    queryFn: ({ pageParam, signal }) => client.attempt(place.attemptId, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    initialData: { pages: [attempt], pageParams: [null] },
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0, // opened again, it begins with the newest
  });

  const all = new Map<string, Submission>();
  for (const each of [newest, ...data.pages].flatMap((page) => page.submissions)) {
    if (each.question_id === place.questionId && !all.has(each.submission_id)) all.set(each.submission_id, each);
  }
  const sent = [...all.values()];
  const counts = attempt.scores.find((each) => each.question_id === place.questionId)?.submission_id;
  return (
    <>
      {sent.length === 0 ? (
        <p className="exam-muted">{hasNextPage ? said.noneSoFar : said.none}</p>
      ) : (
        <table className="exam-history">
          <caption className="page-visually-hidden">{said.caption}</caption>
          <thead>
            <tr>
              <th scope="col">{said.when}</th>
              <th scope="col">{said.kind}</th>
              <th scope="col">{said.outcome}</th>
              <th scope="col">{said.score}</th>
              <th>
                <span className="page-visually-hidden">{said.show}</span>
              </th>
            </tr>
          </thead>
          {sent.map((each) => (
            <Line
              key={each.submission_id}
              of={each}
              counts={each.submission_id === counts}
              label={labels.find(({ name }) => name === each.language)?.label ?? each.language}
              isOpen={open === each.submission_id}
              onToggle={() => setOpen(open === each.submission_id ? null : each.submission_id)}
              onRestore={() => onRestore(each)}
            />
          ))}
        </table>
      )}
      {isFetchNextPageError && <p className="exam-muted">{said.notLoaded}</p>}
      {hasNextPage && (
        <button
          type="button"
          className="page-button"
          aria-disabled={isFetchingNextPage}
          onClick={() => fetchNextPage()}
        >
          {isFetchingNextPage ? said.loading : said.more}
        </button>
      )}
    </>
  );
}

interface LineProps {
  of: Submission;
  counts: boolean;
  label: string;
  isOpen: boolean;
  onToggle: () => void;
  onRestore: () => void;
}

function Line({ of, counts, label, isOpen, onToggle, onRestore }: LineProps): ReactNode {
  const when = time.format(new Date(of.created_at));
  const kind = buttons[of.run_type];
  const more = `exam-history-${of.submission_id}`;
  return (
    <tbody>
      <tr>
        <td>
          <time dateTime={of.created_at}>{when}</time>
        </td>
        <td>{kind}</td>
        <td
          data-good={of.verdict === "accepted" || undefined}
          data-bad={(of.verdict ?? "accepted") !== "accepted" || undefined}
        >
          {of.verdict ? verdicts[of.verdict] : words.statuses[of.status]}
        </td>
        <td>
          {of.score === null ? "–" : words.score(of.score, of.points)}
          {counts && <span className="exam-counts">{said.counts}</span>}
        </td>
        <td>
          <button
            type="button"
            className="page-button page-button-quiet"
            aria-expanded={isOpen}
            aria-controls={more}
            aria-label={`${isOpen ? said.hide : said.show} ${said.showAloud(kind, when)}`}
            onClick={onToggle}
          >
            {isOpen ? said.hide : said.show}
          </button>
        </td>
      </tr>
      <tr id={more} hidden={!isOpen}>
        <td colSpan={5}>
          {isOpen && (
            <div className="exam-history-more">
              <p className="exam-muted" dir="auto">
                {of.message}
              </p>
              <TestResults of={of} />
              <h3>
                {said.code} <span className="exam-muted">{label}</span>
              </h3>
              <button type="button" className="page-button" onClick={onRestore}>
                {said.restore}
              </button>
              {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
              <pre tabIndex={0}>{of.code}</pre>
            </div>
          )}
        </td>
      </tr>
    </tbody>
  );
}
