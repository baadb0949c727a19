import { type ReactNode, Suspense, use } from "react";
import type { Question } from "../package";
import { exam as words } from "../strings";
import { Boundary } from "./Boundary";
import { CopyButton } from "./CopyButton";
import { part } from "./parts";

export function Statement({ question, language }: { question: Question; language: string }): ReactNode {
  const { limits, statement } = question;
  const plain = (
    <div className="exam-prose exam-prose-plain" dir="auto">
      {statement}
    </div>
  );
  const seconds = limits.cpu_seconds * (limits.time_multipliers[language] ?? 1);
  return (
    <article className="exam-statement" aria-labelledby="exam-statement-title">
      <h2 id="exam-statement-title" dir="auto" tabIndex={-1}>
        {question.title}
      </h2>
      <dl className="exam-limits">
        <div>
          <dt>{words.limits.points}</dt>
          <dd>{question.points}</dd>
        </div>
        <div>
          <dt>{words.limits.time}</dt>
          <dd>{words.limits.seconds(seconds)}</dd>
        </div>
        <div>
          <dt>{words.limits.memory}</dt>
          <dd>{words.limits.megabytes(limits.memory_kb)}</dd>
        </div>
      </dl>
      <Boundary key={question.question_id} instead={plain}>
        <Suspense fallback={plain}>
          <Prose text={statement} />
        </Suspense>
      </Boundary>
      {question.samples.length > 0 && (
        <section aria-labelledby="exam-samples">
          <h3 id="exam-samples">{words.samples}</h3>
          {question.samples.map((sample) => (
            <section key={sample.number} className="exam-sample" aria-labelledby={`exam-sample-${sample.number}`}>
              <h4 id={`exam-sample-${sample.number}`}>{words.sample(sample.number)}</h4>
              <div className="exam-sample-texts">
                <SampleText what={words.input} number={sample.number} text={sample.stdin} />
                <SampleText what={words.output} number={sample.number} text={sample.expected_output} />
              </div>
              {sample.truncated && <p className="page-hint">{words.truncated}</p>}
            </section>
          ))}
        </section>
      )}
    </article>
  );
}

function Prose({ text }: { text: string }): ReactNode {
  const { default: Loaded } = use(part("prose", () => import("./Prose")));
  return <Loaded text={text} />;
}

function SampleText({ what, number, text }: { what: string; number: number; text: string }): ReactNode {
  return (
    <figure>
      <figcaption>
        {what} <CopyButton text={text} title={words.copyWhat(what, number)} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so the keyboard must reach it */}
      <pre tabIndex={0} dir="auto">
        {text}
      </pre>
    </figure>
  );
}
