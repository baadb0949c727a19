import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";
import { type Attempt, type Language, QueueStatus, TestResults, type UseSubmission } from "../package";
import { editor as editorWords, exam as words } from "../strings";
import { CopyButton } from "./CopyButton";
import type { KeptQuestion, Place } from "./code-store";
import type { CodeError } from "./compile-errors";
import { History } from "./History";

type Tab = KeptQuestion["tab"];

const tabs: readonly Tab[] = ["run", "submit", "history"];

interface OutcomeProps {
  attempt: Attempt;
  place: Place;
  run: UseSubmission;
  submit: UseSubmission;
  /** Whether something was submitted that this browser does not know of. */
  submittedBefore: boolean;
  tab: Tab;
  labels: readonly Language[];
  errors: readonly CodeError[];
  onTab: (tab: Tab) => void;
  onLine: (line: number, column: number | null) => void;
  onRestore: (from: { language: string; code: string }) => void;
}

/** What came out of the last Run and of the last Submit, and all that was sent before. */
export function Outcome(props: OutcomeProps): ReactNode {
  const { run, submit, tab, onTab } = props;
  const buttons = useRef(new Map<Tab, HTMLButtonElement>());

  const onKeyDown = (event: KeyboardEvent) => {
    const at = tabs.indexOf(tab);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    const next = to === undefined ? undefined : tabs[(to + tabs.length) % tabs.length];
    if (next === undefined) return;
    event.preventDefault();
    onTab(next);
    buttons.current.get(next)?.focus();
  };
  const panel = (name: Tab) => ({
    id: `exam-panel-${name}`,
    role: "tabpanel",
    "aria-labelledby": `exam-tab-${name}`,
    hidden: tab !== name,
    className: "exam-panel",
  });
  return (
    <section className="exam-outcome" aria-labelledby="exam-outcome-title">
      <h2 id="exam-outcome-title" className="page-visually-hidden">
        {words.outcome}
      </h2>
      <div role="tablist" aria-labelledby="exam-outcome-title" className="exam-tabs" onKeyDown={onKeyDown}>
        {tabs.map((name) => (
          <button
            key={name}
            ref={(button) => {
              if (button) buttons.current.set(name, button);
            }}
            type="button"
            role="tab"
            id={`exam-tab-${name}`}
            aria-controls={`exam-panel-${name}`}
            aria-selected={tab === name}
            tabIndex={tab === name ? 0 : -1}
            onClick={() => onTab(name)}
          >
            {words.tabs[name]}
          </button>
        ))}
      </div>
      <div {...panel("run")}>
        {run.phase === "idle" && <p className="exam-muted">{words.noRun}</p>}
        <Latest of={run} errors={tab === "run" ? props.errors : []} onLine={props.onLine} />
      </div>
      <div {...panel("submit")}>
        {submit.phase === "idle" && (
          <p className="exam-muted">{props.submittedBefore ? words.submittedBefore : words.noSubmit}</p>
        )}
        <Latest of={submit} errors={tab === "submit" ? props.errors : []} onLine={props.onLine} />
      </div>
      <div {...panel("history")}>
        {tab === "history" && (
          <History attempt={props.attempt} place={props.place} labels={props.labels} onRestore={props.onRestore} />
        )}
      </div>
    </section>
  );
}

function Latest(props: { of: UseSubmission; errors: readonly CodeError[]; onLine: OutcomeProps["onLine"] }): ReactNode {
  const { of, onLine } = props;
  const status = useRef<HTMLDivElement>(null);
  const isSending = of.phase === "sending";
  useEffect(() => {
    // Where the screen is small, whoever has just pressed the button must see that it was taken.
    if (isSending) status.current?.scrollIntoView?.({ block: "nearest" });
  }, [isSending]);
  const errors = props.errors.filter(({ severity }) => severity !== "note");
  return (
    <>
      <div ref={status} className="exam-status">
        <QueueStatus of={of} />
      </div>
      {of.receipt && of.runType === "submit" && (
        <p className="exam-receipt page-hint">
          <CopyButton text={of.receipt} label={words.receipt} /> {words.receiptMore}
        </p>
      )}
      {errors.length > 0 && (
        <section className="exam-errors" aria-labelledby="exam-errors-title">
          <h3 id="exam-errors-title">{words.errorsHeading}</h3>
          <ul>
            {errors.map((error) => (
              <li key={`${error.line}:${error.column}:${error.message}`}>
                <button
                  type="button"
                  className="page-button page-button-quiet"
                  onClick={() => onLine(error.line, error.column)}
                >
                  {editorWords.goToLine(error.line)}
                </button>{" "}
                {error.message}
              </li>
            ))}
          </ul>
        </section>
      )}
      {of.submission && <TestResults of={of.submission} onLine={(line) => onLine(line, null)} />}
    </>
  );
}
