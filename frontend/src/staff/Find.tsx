import { type FormEvent, useState } from "react";
import type { RunCodeClient, Submission } from "../package";
import { staff } from "../strings";
import { Line, Lines, More } from "./Lines";
import { type Filter, useSubmissions } from "./queries";

const words = staff.find;
const STATUSES: Submission["status"][] = ["queued", "processing", "completed", "failed", "cancelled", "superseded"];

/** A student's submissions, found by question, attempt and status. */
export function Find({ client }: { client: RunCodeClient }) {
  const [filter, setFilter] = useState<Filter | null>(null);
  const list = useSubmissions(client, filter);
  const lines = list.data?.pages.flatMap((page) => page.submissions) ?? [];

  const find = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = [...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value).trim()]);
    const next: Filter = Object.fromEntries(given.filter(([, value]) => value !== ""));
    if (JSON.stringify(next) === JSON.stringify(filter)) list.refetch();
    else setFilter(next);
  };

  return (
    <section className="staff-card" aria-labelledby="find">
      <h2 id="find">{words.heading}</h2>
      <form className="staff-form" onSubmit={find}>
        <label>
          {words.question}
          <input className="page-field" name="question_id" autoComplete="off" spellCheck={false} />
        </label>
        <label>
          {words.attempt}
          <input className="page-field" name="attempt_id" autoComplete="off" spellCheck={false} />
        </label>
        <label>
          {words.status}
          <select className="page-select" name="status">
            <option value="">{words.any}</option>
            {STATUSES.map((status) => (
              <option key={status} value={status}>
                {staff.statuses.name(status)}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" className="page-button page-button-primary">
          {words.button}
        </button>
      </form>
      <p role="status" className="staff-muted">
        {filter !== null && said(list, lines.length)}
      </p>
      <Lines>
        {lines.map((line) => (
          <Line key={line.submission_id} line={line} />
        ))}
      </Lines>
      <More list={list} />
    </section>
  );
}

function said(list: ReturnType<typeof useSubmissions>, found: number): string {
  if (list.failureReason !== null) return list.failureReason.message;
  if (list.isPending) return words.loading;
  return found === 0 ? words.none : words.shown(found, list.hasNextPage);
}
