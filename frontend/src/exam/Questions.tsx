import { type FormEvent, type ReactNode, useState } from "react";
import { type Attempt, AttemptSummary, useSubmission } from "../package";
import { exam as words } from "../strings";
import { countsEarlier } from "./submitted";

interface Line {
  question_id: string;
  title: string;
  /** Null where the exam does not list it. */
  points: number | null;
}

interface QuestionsProps {
  attempt: Attempt;
  questions: readonly Line[];
  selected: string | null;
  onSelect: (questionId: string) => void;
}

/** Every question with its score so far. Each follows its own Submit, also while another one is shown. */
export function Questions({ attempt, questions, selected, onSelect }: QuestionsProps): ReactNode {
  const total = attempt.scores.reduce((sum, each) => sum + (each.score ?? 0), 0);
  const points = attempt.scores.reduce((sum, each) => sum + each.points, 0);
  return (
    <>
      <ul className="exam-questions">
        {questions.map((line) => (
          <li key={line.question_id}>
            <QuestionButton
              attempt={attempt}
              line={line}
              isSelected={line.question_id === selected}
              onSelect={() => onSelect(line.question_id)}
            />
          </li>
        ))}
      </ul>
      {attempt.scores.length > 0 && (
        <details className="exam-total">
          <summary>
            {words.total} <strong>{words.score(total, points)}</strong>
          </summary>
          <div className="exam-total-more">
            <AttemptSummary attempt={attempt} />
          </div>
        </details>
      )}
    </>
  );
}

interface QuestionButtonProps {
  attempt: Attempt;
  line: Line;
  isSelected: boolean;
  onSelect: () => void;
}

function QuestionButton({ attempt, line, isSelected, onSelect }: QuestionButtonProps): ReactNode {
  const id = line.question_id;
  const target = { attemptId: attempt.attempt_id, questionId: id, language: "", runType: "submit" } as const;
  const { phase, connection } = useSubmission(target);
  const scored = attempt.scores.find((each) => each.question_id === id);
  const score = scored?.score ?? null;
  const points = scored?.points ?? line.points;
  const submitted =
    phase !== "idle" ||
    countsEarlier(id, attempt) ||
    attempt.submissions.some((s) => s.question_id === id && s.run_type === "submit");
  const waitsToBeSent = phase === "sending" && connection.state !== "live";
  const underway = waitsToBeSent
    ? words.underway.notSent
    : phase === "sending" || phase === "queued" || phase === "processing"
      ? words.underway[phase]
      : null;
  const full = points !== null && score !== null && score >= points;
  return (
    <button
      type="button"
      className="exam-question"
      aria-current={isSelected ? "true" : undefined}
      data-full={full || undefined}
      onClick={onSelect}
    >
      <span className="exam-question-title">{line.title}</span>
      <span className="exam-question-score">
        {underway ? (
          <span className="exam-underway">{underway}</span>
        ) : submitted && points !== null ? (
          <>
            <span aria-hidden="true">
              {full && "✓ "}
              {words.score(score, points)}
            </span>
            <span className="page-visually-hidden">{words.scoreAloud(score, points)}</span>
          </>
        ) : (
          words.notSubmitted
        )}
      </span>
    </button>
  );
}

/** For an exam that lists no questions: every one may be opened by its id. */
export function OpenQuestion({ onOpen }: { onOpen: (questionId: string) => void }): ReactNode {
  const [id, setId] = useState("");
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (!id.trim()) return;
    onOpen(id.trim());
    setId("");
  };
  return (
    <form className="exam-open" onSubmit={onSubmit}>
      <label htmlFor="exam-open-id">{words.openQuestion}</label>
      <input
        id="exam-open-id"
        className="page-field"
        value={id}
        autoComplete="off"
        autoCapitalize="none"
        autoCorrect="off"
        spellCheck={false}
        aria-describedby="exam-open-hint"
        onChange={(event) => setId(event.target.value)}
      />
      <button type="submit" className="page-button">
        {words.open}
      </button>
      <span id="exam-open-hint" className="page-hint">
        {words.anyQuestion}
      </span>
    </form>
  );
}
