import {
  type KeyboardEvent,
  type ReactNode,
  type Ref,
  Suspense,
  use,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
} from "react";
import {
  type Attempt,
  type Language,
  type Question,
  RunButton,
  type Submission,
  SubmitButton,
  useSecondsUntil,
  useSubmission,
} from "../package";
import { editor as editorWords, exam as words } from "../strings";
import { Boundary } from "./Boundary";
import type { CodeStore, KeptQuestion, Place } from "./code-store";
import { type CodeError, codeErrors } from "./compile-errors";
import type { EditorHandle, EditorProps } from "./editor/interface";
import { PlainEditor } from "./editor/PlainEditor";
import { Outcome } from "./Outcome";
import { part } from "./parts";
import { countsEarlier, lastSubmit, type Standing as StandingOf, standing } from "./submitted";
import { timeMark } from "./time-left";
import { useKeptCode } from "./use-kept-code";

/** As the service has it (MAX_CODE_BYTES). */
const MOST_BYTES = 65_536;

/** The undo history of each question and language, for as long as the page lives. */
const pasts = new Map<string, unknown>();

const BLANK: KeptQuestion = { language: "", stdin: "", ownInput: false, tab: "run", savedAt: 0 };

interface WorkspaceProps {
  question: Question;
  attempt: Attempt;
  place: Place;
  store: CodeStore;
  labels: readonly Language[];
  language: string;
  closesAt: number | null;
  onLanguage: (language: string) => void;
}

/** Where the student writes, runs, submits and sees what came out. Mounted anew for each question. */
export function Workspace(props: WorkspaceProps): ReactNode {
  const { question, attempt, place, store, language } = props;
  const typed = useKeptCode(store, place, language);
  const { code } = typed.current;
  const [kept, setKept] = useState(() => ({ ...BLANK, ...store.question(place), language }));
  const target = { attemptId: place.attemptId, questionId: place.questionId, language };
  const run = useSubmission({ ...target, runType: "run" });
  const submit = useSubmission({ ...target, runType: "submit" });
  const [refusal, setRefusal] = useState<string | null>(null);
  const [notice, setNotice] = useState<string | null>(null);
  const restoring = useRef<string | null>(null);
  const handle = useRef<EditorHandle>(null);
  const hintId = useId();

  const keep = (change: Partial<KeptQuestion>) => {
    const next = { ...kept, ...change, savedAt: Date.now() };
    setKept(next);
    store.keepQuestion(place, next);
  };
  const changeLanguage = (next: string) => {
    typed.changeLanguage(next);
    setNotice(null);
    setRefusal(null);
    keep({ language: next });
    props.onLanguage(next);
  };

  const { other } = typed;
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each piece of news of the other tab.
  useEffect(() => {
    if (!other || (document.hasFocus() && handle.current?.hasFocus())) return;
    // Nobody types here: the newest wins, and undo brings back what was here.
    takeOther();
  }, [other]);
  const takeOther = () => {
    if (!other) return;
    typed.takeOver(other);
    handle.current?.replace(other.code);
    setNotice(editorWords.tookOther);
  };

  const restore = (from: { language: string; code: string }) => {
    restoring.current = from.code;
    if (from.language !== language) changeLanguage(from.language);
    else putBack();
    setNotice(words.history.restored);
  };
  const putBack = () => {
    if (restoring.current === null) return;
    handle.current?.replace(restoring.current);
    restoring.current = null;
  };

  const whyNot = (code: string): string | null => {
    const bytes = byteLength(code);
    if (bytes > MOST_BYTES) return words.codeTooLong(bytes);
    return code.trim() === "" ? words.codeEmpty : null;
  };
  const runIt = () => {
    const { code } = typed.latest();
    const inputBytes = kept.ownInput ? byteLength(kept.stdin) : 0;
    const why = whyNot(code) ?? (inputBytes > MOST_BYTES ? words.inputTooLong(inputBytes) : null);
    setRefusal(why);
    if (why) return;
    keep({ tab: "run" });
    run.send(code, kept.ownInput ? { stdin: kept.stdin } : {});
  };
  const submitIt = () => {
    const { code } = typed.latest();
    const why = whyNot(code);
    setRefusal(why);
    if (why) return;
    keep({ tab: "submit" });
    submit.send(code);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== "Enter" || !(event.metaKey || event.ctrlKey) || event.altKey || event.repeat) return;
    event.preventDefault();
    if (event.shiftKey) submitIt();
    else runIt();
  };

  const shown = kept.tab === "run" ? run.submission : kept.tab === "submit" ? submit.submission : null;
  const errors = useMemo(() => errorsOf(shown), [shown]);
  const sent = lastSubmit(place.questionId, { ...submit, refused: submit.phase === "refused" }, attempt);
  const earlier = countsEarlier(place.questionId, attempt);
  const tooLong = byteLength(code) > MOST_BYTES;
  const told = tooLong ? words.codeTooLong(byteLength(code)) : refusal;
  const label = labelOf(props.labels, language);
  const editorKey = `${place.student} ${place.attemptId} ${place.questionId} ${language}`;
  const editorProps = {
    language,
    code,
    caret: typed.current.caret,
    label: editorWords.label(question.title, label),
    describedBy: hintId,
    errors: errors.found,
    errorsOf: errors.code,
    past: pasts.get(editorKey),
    onChange(next: string, caret: number) {
      if (next !== typed.latest().code) setRefusal(null);
      typed.onChange(next, caret);
    },
    onPast: (past: unknown) => pasts.set(editorKey, past),
    onReady: putBack,
  };

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the keys are shortcuts; every one has its button
    <div className="exam-column exam-work" onKeyDown={onKeyDown}>
      <section id="exam-answer" aria-labelledby="exam-answer-title" className="exam-answer" tabIndex={-1}>
        <div className="exam-answer-head">
          <h2 id="exam-answer-title">{words.answer}</h2>
          <label>
            <span className="page-visually-hidden">{editorWords.language}</span>
            <select className="page-select" value={language} onChange={(event) => changeLanguage(event.target.value)}>
              {question.languages.map((name) => (
                <option key={name} value={name}>
                  {labelOf(props.labels, name)}
                </option>
              ))}
            </select>
          </label>
        </div>
        <div className="exam-editor">
          <Boundary key={editorKey} instead={<PlainEditor {...editorProps} ref={handle} />}>
            <Suspense fallback={<p className="exam-editor-loading exam-muted">{editorWords.loading}</p>}>
              <CodeEditor key={editorKey} {...editorProps} ref={handle} />
            </Suspense>
          </Boundary>
        </div>
        <div className="exam-below">
          <label className="exam-own">
            <input
              type="checkbox"
              checked={kept.ownInput}
              onChange={(event) => keep({ ownInput: event.target.checked })}
            />{" "}
            {words.ownInput}
          </label>
          <p id={hintId} className="page-hint exam-editor-hint">
            {editorWords.hint}
          </p>
        </div>
        {kept.ownInput && (
          <div className="exam-own-input">
            <textarea
              className="page-field"
              rows={3}
              aria-label={words.ownInputLabel}
              aria-describedby="exam-own-more"
              spellCheck={false}
              autoCapitalize="none"
              autoCorrect="off"
              value={kept.stdin}
              onChange={(event) => keep({ stdin: event.target.value })}
            />
            <p id="exam-own-more" className="page-hint">
              {words.ownInputMore}
            </p>
          </div>
        )}
        <div className="exam-notices" aria-live="polite">
          {typed.notKept && <p className="exam-notice exam-notice-bad">{editorWords.notKept}</p>}
          {other && (
            <p className="exam-notice">
              {editorWords.otherTab}{" "}
              <button type="button" className="page-button page-button-quiet" onClick={takeOther}>
                {editorWords.takeOther}
              </button>{" "}
              <button type="button" className="page-button page-button-quiet" onClick={typed.forgetOther}>
                {editorWords.keepMine}
              </button>
            </p>
          )}
          {notice && (
            <p className="exam-notice">
              {notice}{" "}
              <button type="button" className="page-button page-button-quiet" onClick={() => setNotice(null)}>
                {editorWords.fine}
              </button>
            </p>
          )}
          {told && <p className="exam-notice exam-notice-bad">{told}</p>}
        </div>
        <div className="exam-actions">
          <span title={words.runTitle(keys("Enter"))}>
            <RunButton run={{ ...run, send: runIt }} code={code} />
          </span>
          <span title={words.submitTitle(keys("Shift+Enter"))}>
            <SubmitButton run={{ ...submit, send: submitIt }} code={code} />
          </span>
          <Standing standing={standing(sent, earlier, language, code)} {...{ attempt, closesAt: props.closesAt }}>
            {sent && code.trim() === "" && (
              <button type="button" className="page-button page-button-quiet" onClick={() => restore(sent)}>
                {words.restoreLast}
              </button>
            )}
          </Standing>
        </div>
      </section>
      <Outcome
        {...{ attempt, place, run, submit, tab: kept.tab, labels: props.labels, errors: errors.found }}
        submittedBefore={sent !== null || earlier}
        onTab={(tab) => keep({ tab })}
        onLine={(line, column) => handle.current?.jumpTo(line, column)}
        onRestore={restore}
      />
    </div>
  );
}

function CodeEditor(props: EditorProps & { ref: Ref<EditorHandle> }): ReactNode {
  const { default: Loaded } = use(part("editor", () => import("./editor/CodeEditor")));
  return <Loaded {...props} />;
}

/** Whether what is in the editor counts: said beside the buttons, so that nobody has to wonder. */
function Standing(props: {
  attempt: Attempt;
  standing: StandingOf;
  closesAt: number | null;
  children: ReactNode;
}): ReactNode {
  const seconds = useSecondsUntil(props.closesAt);
  const mark = seconds === null ? null : timeMark(seconds);
  const isShort = mark === "ten_minutes" || mark === "one_minute";
  if (props.standing === "unconfirmed") return null;
  if (props.standing === "same") return <p className="exam-standing exam-standing-good">{words.sameAsSubmitted}</p>;
  if (props.standing === "earlier") return <p className="exam-standing">{words.earlierCounts}</p>;
  const text = props.standing === "nothing" ? words.nothingSubmitted : words.changedSince;
  return (
    <p className="exam-standing" data-urgent={isShort || undefined} role="status">
      {text} {props.standing === "changed" && words.counts[props.attempt.exam.counts]} {props.children}
    </p>
  );
}

const NONE: readonly CodeError[] = [];

/** Of a compile error what the compiler says; else what the first example that broke wrote to its error output. */
function errorsOf(shown: Submission | null): { found: readonly CodeError[]; code: string } {
  if (!shown) return { found: NONE, code: "" };
  const broke = shown.tests.find((test) => test.verdict === "runtime_error" && test.stderr);
  const said = (shown.verdict === "compilation_error" ? shown.compile_output : broke?.stderr) ?? "";
  return { found: said ? codeErrors(shown.language, said) : NONE, code: shown.code };
}

function labelOf(labels: readonly Language[], name: string): string {
  return labels.find((each) => each.name === name)?.label ?? name;
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

function keys(key: string): string {
  return `${/Mac|iPhone|iPad/.test(navigator.platform) ? "⌘" : "Ctrl"}+${key}`;
}
