import type { PropsWithChildren } from "react";
import type { SubmissionLine } from "../package";
import { staff, verdicts } from "../strings";
import type { useSubmissions } from "./queries";
import { moment } from "./times";

export function Lines({ children }: PropsWithChildren) {
  return <ul className="staff-lines">{children}</ul>;
}

/** One submission: whose, of what, when; and how it came out. */
export function Line({ line, children }: PropsWithChildren<{ line: SubmissionLine }>) {
  const sent = new Date(line.created_at);
  return (
    <li>
      <div className="staff-whose">
        <strong>{line.student}</strong>
        <span>{line.question_id}</span>
      </div>
      <div className="staff-muted">
        {staff.queues.name(line.run_type)} · {line.language} ·{" "}
        <time dateTime={line.created_at}>{moment(sent, new Date())}</time>
        <br />
        {staff.find.ofAttempt(line.attempt_id)}
      </div>
      {children ?? <Outcome line={line} />}
    </li>
  );
}

function Outcome({ line }: { line: SubmissionLine }) {
  const { status, verdict, score, points } = line;
  return (
    <div className="staff-outcome">
      <span className={`staff-verdict staff-verdict-${verdict ?? status}`}>
        {verdict === null ? staff.statuses.name(status) : verdicts[verdict]}
      </span>
      {score !== null && <span>{staff.find.score(score, points)}</span>}
      {line.failure !== null && <span className="staff-muted">{line.failure}</span>}
    </div>
  );
}

export function More({ list }: { list: ReturnType<typeof useSubmissions> }) {
  if (!list.hasNextPage) return null;
  return (
    <button
      type="button"
      className="page-button"
      aria-disabled={list.isFetchingNextPage}
      onClick={() => !list.isFetchingNextPage && list.fetchNextPage()}
    >
      {list.isFetchingNextPage ? staff.find.loading : staff.find.more}
    </button>
  );
}
