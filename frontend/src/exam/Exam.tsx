import { type ReactNode, useEffect, useMemo, useState } from "react";
import {
  type Attempt,
  Problem,
  type Question,
  useLanguages,
  useQuestion,
  useSecondsUntil,
  useSubmission,
} from "../package";
import { ThemeSwitch } from "../shared/ThemeSwitch";
import { signIn as signInWords, exam as words } from "../strings";
import type { CodeStore } from "./code-store";
import { pageTitle } from "./page-title";
import { OpenQuestion, Questions } from "./Questions";
import { Statement } from "./Statement";
import { TimeLeft } from "./TimeLeft";
import { useJudgedAgain } from "./use-judged-again";
import { Workspace } from "./Workspace";

export interface ExamProps {
  attempt: Attempt;
  student: string;
  store: CodeStore;
  /** Epoch ms by this machine's clock; null: it never closes. */
  closesAt: number | null;
  trouble: "offline" | "unreachable" | null;
  onSignOut: () => void;
}

/** An attempt that is open before the student, whether or not its time is over. */
export function Exam({ attempt, student, store, closesAt, trouble, onSignOut }: ExamProps): ReactNode {
  const attemptId = attempt.attempt_id;
  const listed = attempt.exam.questions;
  const [kept] = useState(() => store.attempt(student, attemptId));
  const [opened, setOpened] = useState(() => kept?.opened ?? []);
  const questions = useMemo(
    () => (listed.length > 0 ? listed : opened.map((id) => ({ question_id: id, title: id, points: null }))),
    [listed, opened],
  );
  const [wanted, setWanted] = useState(kept?.questionId ?? null);
  const selected = questions.find((each) => each.question_id === wanted) ?? questions[0] ?? null;
  useJudgedAgain(attempt);

  const select = (questionId: string, ids = opened) => {
    setWanted(questionId);
    store.keepAttempt(student, attemptId, { questionId, opened: ids, savedAt: Date.now() });
  };
  const open = (questionId: string) => {
    const ids = opened.includes(questionId) ? opened : [...opened, questionId];
    setOpened(ids);
    select(questionId, ids);
  };
  const close = (questionId: string) => {
    const ids = opened.filter((id) => id !== questionId);
    setOpened(ids);
    store.keepAttempt(student, attemptId, { questionId: ids[0] ?? "", opened: ids, savedAt: Date.now() });
  };

  return (
    <>
      <header className="exam-header">
        <a className="page-skip" href="#exam-statement">
          {words.skipToStatement}
        </a>
        <a className="page-skip" href="#exam-answer">
          {words.skipToEditor}
        </a>
        <h1>{attempt.exam.title}</h1>
        <TimeLeft closesAt={closesAt} />
        <div className="exam-header-tools">
          <ThemeSwitch />
          <button type="button" className="page-button" title={student} onClick={onSignOut}>
            {signInWords.signOut}
          </button>
        </div>
      </header>
      <p className="exam-trouble" role="status" hidden={trouble === null}>
        {trouble && words[trouble]}
      </p>
      <Over closesAt={closesAt} />
      <nav className="exam-nav" aria-label={words.questions}>
        <Questions attempt={attempt} questions={questions} selected={selected?.question_id ?? null} onSelect={select} />
        {listed.length === 0 && <OpenQuestion onOpen={open} />}
      </nav>
      {selected && (
        <OneQuestion
          key={selected.question_id}
          {...{ attempt, student, store, closesAt }}
          questionId={selected.question_id}
          onForget={listed.length === 0 ? () => close(selected.question_id) : null}
        />
      )}
      <Ahead ids={listed.map((each) => each.question_id)} />
    </>
  );
}

/** Loads the questions one after the other, and keeps them: each opens also where the network has gone meanwhile. */
function Ahead({ ids: [id, ...others] }: { ids: string[] }): ReactNode {
  return id === undefined ? null : <AheadOf key={id} id={id} others={others} />;
}

function AheadOf({ id, others }: { id: string; others: string[] }): ReactNode {
  const { isPending } = useQuestion(id);
  return isPending ? null : <Ahead ids={others} />;
}

function Over({ closesAt }: { closesAt: number | null }): ReactNode {
  const seconds = useSecondsUntil(closesAt);
  if (seconds !== 0) return null;
  return (
    <aside className="exam-over" aria-label={words.over}>
      {words.overMore}
    </aside>
  );
}

interface OneQuestionProps {
  attempt: Attempt;
  student: string;
  store: CodeStore;
  closesAt: number | null;
  questionId: string;
  /** Where the student opened it by its id: takes it off the list. */
  onForget: (() => void) | null;
}

function OneQuestion(props: OneQuestionProps): ReactNode {
  const { attempt, student, store, questionId } = props;
  const { data: question, error, failureReason, isPaused } = useQuestion(questionId);
  const { data: labels } = useLanguages();
  const place = useMemo(
    () => ({ student, attemptId: attempt.attempt_id, questionId }),
    [student, attempt.attempt_id, questionId],
  );
  const [kept] = useState(() => store.question(place));
  const [language, setLanguage] = useState(kept?.language ?? null);
  useTitle(attempt, questionId, question?.title ?? null);

  if (!question) {
    const problem = error ?? failureReason;
    const unknown = problem instanceof Problem && problem.status === 404;
    return (
      <main className="exam-none" aria-live="polite">
        {unknown ? (
          <p>{words.faces.unknownQuestion}</p>
        ) : isPaused ? (
          <p>{words.faces.questionOffline}</p>
        ) : problem ? (
          <p>{error instanceof Problem && error.status === 403 ? error.detail : words.faces.questionAway}</p>
        ) : (
          <p className="exam-muted">{words.loading}</p>
        )}
        {unknown && props.onForget && (
          <button type="button" className="page-button" onClick={props.onForget}>
            {words.close}
          </button>
        )}
      </main>
    );
  }
  const known = language !== null && question.languages.includes(language) ? language : null;
  const shown = known ?? preferred(store, student, attempt, question);
  return (
    <main className="exam-main">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <section id="exam-statement" className="exam-column" aria-label={words.statement} tabIndex={0}>
        <Statement question={question} language={shown} />
      </section>
      <Workspace
        {...{ question, attempt, place, store, labels: labels ?? [], language: shown, closesAt: props.closesAt }}
        onLanguage={setLanguage}
      />
    </main>
  );
}

/** The language sent last for this question, else used last on any other of this attempt, else Python, else the first. */
function preferred(store: CodeStore, student: string, attempt: Attempt, question: Question): string {
  const { languages, question_id } = question;
  const sent = attempt.submissions.find((each) => each.question_id === question_id)?.language;
  const used = attempt.exam.questions
    .map((each) => store.question({ student, attemptId: attempt.attempt_id, questionId: each.question_id }))
    .toSorted((a, b) => (b?.savedAt ?? 0) - (a?.savedAt ?? 0))
    .map((kept) => kept?.language);
  return [sent, ...used, "python"].find((each) => each && languages.includes(each)) ?? languages[0] ?? "";
}

function useTitle(attempt: Attempt, questionId: string, question: string | null): void {
  const target = { attemptId: attempt.attempt_id, questionId, language: "" };
  const run = useSubmission({ ...target, runType: "run" });
  const submit = useSubmission({ ...target, runType: "submit" });
  const title = pageTitle(attempt.exam.title, question, run, submit);
  useEffect(() => {
    document.title = title;
  }, [title]);
}
