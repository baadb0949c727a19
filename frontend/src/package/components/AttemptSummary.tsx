import { summary } from "../../strings";
import type { Attempt } from "../client";

export interface AttemptSummaryProps {
  attempt: Attempt;
}

const clock = new Intl.DateTimeFormat("en", { hour: "numeric", minute: "2-digit", second: "2-digit" });

/** The score so far, question by question, and which submission each comes from. */
export function AttemptSummary({ attempt }: AttemptSummaryProps) {
  const { exam, scores, submissions } = attempt;
  const lines = exam.questions.map(({ question_id, title, points }) => {
    const line = scores.find((each) => each.question_id === question_id);
    const counted = submissions.find((each) => each.submission_id === line?.submission_id);
    return { question_id, title, points: line?.points ?? points, score: line?.score ?? null, line, counted };
  });
  const total = lines.reduce((sum, { score }) => sum + (score ?? 0), 0);
  const points = lines.reduce((sum, line) => sum + line.points, 0);
  return (
    <section className="rc-summary">
      <h2>{exam.title}</h2>
      <table>
        <caption>{summary.caption}</caption>
        <thead>
          <tr>
            <th scope="col">{summary.question}</th>
            <th scope="col">{summary.score}</th>
            <th scope="col">{summary.counts}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ question_id, title, points, score, line, counted }) => (
            <tr key={question_id}>
              <th scope="row">{title}</th>
              <td>{score === null ? summary.none(points) : summary.of(score, points)}</td>
              <td>
                {counted !== undefined
                  ? summary.counted(clock.format(new Date(counted.created_at)))
                  : line?.submission_id != null
                    ? summary.countedUnknown
                    : summary.noneYet}
              </td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{summary.total}</th>
            <td>{summary.of(total, points)}</td>
            <td>{summary[exam.counts]}</td>
          </tr>
        </tfoot>
      </table>
    </section>
  );
}
