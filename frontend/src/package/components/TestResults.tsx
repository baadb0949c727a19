import { type ReactNode, useState } from "react";
import { results, verdicts } from "../../strings";
import type { Submission, Test } from "../client";
import { Difference } from "./Difference";

export interface TestResultsProps {
  of: Submission;
  /** Where given, each "line 3" of the compiler and of error outputs is a button that calls this. */
  onLine?: (line: number) => void;
}

/** What came out: of each test, of the compiler, or of the student's own input. Nothing before it is completed. */
export function TestResults({ of, onLine }: TestResultsProps) {
  if (of.status !== "completed") return null;
  const onOwnInput = of.run_type === "run" && of.stdin !== null;
  const opened = of.tests.find(({ verdict, hidden }) => verdict !== "accepted" && !hidden)?.number ?? null;
  return (
    <section className="rc-results" aria-label={results.heading}>
      {of.compile_output !== null && of.compile_output !== "" && (
        <Text title={results.compileOutput} text={of.compile_output} onLine={onLine} />
      )}
      {onOwnInput
        ? of.tests.map((test) => <OwnOutput key={test.number} test={test} onLine={onLine} />)
        : of.tests.length > 0 && (
            <>
              <p className="rc-results__count">{results.summary(of.passed, of.total)}</p>
              <ol className="rc-tests">
                {of.tests.map((test) => (
                  <li key={`${of.submission_id} ${test.number}`}>
                    <TestResult test={test} opened={test.number === opened} onLine={onLine} />
                  </li>
                ))}
              </ol>
            </>
          )}
    </section>
  );
}

type OnLine = ((line: number) => void) | undefined;

function TestResult({ test, opened, onLine }: { test: Test; opened: boolean; onLine: OnLine }) {
  const [open, setOpen] = useState(opened);
  if (test.hidden) {
    return (
      <div className={`rc-test rc-test--${tone(test)}`} title={results.hiddenMore}>
        <Headline test={test} />
      </div>
    );
  }
  return (
    <details
      className={`rc-test rc-test--${tone(test)}`}
      open={open}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary>
        <Headline test={test} />
      </summary>
      {/* Only where it is looked at: a hundred tests may bring megabytes. */}
      {open && <TestBody test={test} onLine={onLine} />}
    </details>
  );
}

function tone({ verdict }: Test): "good" | "bad" {
  return verdict === "accepted" ? "good" : "bad";
}

function Headline({ test }: { test: Test }) {
  return (
    <span className="rc-test__line">
      <span className="rc-test__mark" aria-hidden="true">
        {test.verdict === "accepted" ? "✓" : "✕"}
      </span>
      <span>{test.hidden ? results.hidden(test.number) : results.sample(test.number)}</span>
      <strong className="rc-test__verdict">{verdicts[test.verdict]}</strong>
      <Costs test={test} />
    </span>
  );
}

function Costs({ test: { time_seconds: seconds, memory_kb: kilobytes } }: { test: Test }) {
  return (
    <span className="rc-test__costs">
      {seconds != null && <span>{results.seconds(seconds)}</span>}
      {kilobytes != null && <span>{results.memory(kilobytes)}</span>}
    </span>
  );
}

function TestBody({ test, onLine }: { test: Test; onLine: OnLine }) {
  const { verdict, message, stdin, expected_output: expected, stdout, stderr, truncated } = test;
  return (
    <div className="rc-test__body">
      {message != null && <p dir="auto">{withCode(message)}</p>}
      {truncated && <p className="rc-note">{results.truncated}</p>}
      {stdin != null && <Text title={results.input} text={stdin} />}
      <div className="rc-sides">
        {expected != null && <Text title={results.expected} text={expected} />}
        {stdout != null && <Text title={results.output} text={stdout} />}
      </div>
      <FullOutput test={test} />
      {verdict === "wrong_answer" && expected != null && stdout != null && (
        <Difference expected={expected} printed={stdout} />
      )}
      {stderr != null && stderr !== "" && <Text title={results.stderr} text={stderr} onLine={onLine} />}
    </div>
  );
}

function OwnOutput({ test, onLine }: { test: Test; onLine: OnLine }) {
  const { verdict, message, stdout, stderr, truncated } = test;
  return (
    <div className="rc-test__body">
      <p className="rc-test__line">
        {verdict !== "accepted" && <strong className="rc-test__verdict">{verdicts[verdict]}</strong>}
        <Costs test={test} />
      </p>
      {message != null && <p dir="auto">{withCode(message)}</p>}
      {stdout != null && <Text title={results.ownOutput} text={stdout} />}
      {truncated && <p className="rc-note">{results.truncated}</p>}
      <FullOutput test={test} />
      {stderr != null && stderr !== "" && <Text title={results.stderr} text={stderr} onLine={onLine} />}
    </div>
  );
}

function FullOutput({ test: { full_output_url: url } }: { test: Test }) {
  if (url == null || !/^https?:/.test(url)) return null;
  return (
    <p>
      <a href={url} target="_blank" rel="noreferrer">
        {results.fullOutput}
      </a>
    </p>
  );
}

function Text({ title, text, onLine }: { title: string; text: string; onLine?: OnLine }) {
  return (
    <figure className="rc-text">
      <figcaption>{title}</figcaption>
      {text === "" ? (
        <p className="rc-note">{results.empty}</p>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <pre dir="auto" tabIndex={0}>
          {onLine === undefined ? text : linked(text, onLine)}
        </pre>
      )}
    </figure>
  );
}

/** "main.py", line 3 · main.c:3:5 · Main.java:3 */
const LINE = /(\bline |\.\w{1,4}:)(\d+)/g;

/** Each is a stop on the keyboard's way through the page; nobody mends more at once. */
const MOST_LINES = 10;

function linked(text: string, onLine: (line: number) => void): ReactNode[] {
  const parts: ReactNode[] = [];
  let end = 0;
  for (const found of [...text.matchAll(LINE)].slice(0, MOST_LINES)) {
    const [all, before = "", number = ""] = found;
    const line = Number(number);
    parts.push(
      text.slice(end, found.index) + before,
      <button
        key={found.index}
        type="button"
        className="rc-link"
        aria-label={results.line(line)}
        onClick={() => onLine(line)}
      >
        {number}
      </button>,
    );
    end = found.index + all.length;
  }
  return [...parts, text.slice(end)];
}

/** "Line 1: not `3`." with its code as code. */
function withCode(message: string): ReactNode[] {
  // biome-ignore lint/suspicious/noArrayIndexKey: parts never move
  return message.split(/`([^`]+)`/).map((part, index) => (index % 2 === 1 ? <code key={index}>{part}</code> : part));
}
