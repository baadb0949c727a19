import { type FocusEvent, useCallback, useEffect, useRef } from "react";
import type { RunCodeClient } from "../package";
import { staff } from "../strings";
import { Line, Lines, More } from "./Lines";
import type { useSubmissions } from "./queries";
import { type Requeueing, useRequeueing } from "./use-requeueing";

const words = staff.failed;

interface FailedProps {
  client: RunCodeClient;
  /** The failed ones, as they are shown. */
  list: ReturnType<typeof useSubmissions>;
  /** Something was put in line: what is shown of the service is old. */
  onChange: () => void;
}

export function Failed({ client, list, onChange }: FailedProps) {
  const requeueing = useRequeueing(client, onChange);
  const lines = list.data?.pages.flatMap((page) => page.submissions) ?? [];
  const { heading, onFocus } = useFocusKept(lines.length);
  const busy = requeueing.allDone !== null;

  const rest = useCallback(async () => {
    let found = list;
    while (found.hasNextPage) found = (await found.fetchNextPage({ cancelRefetch: false })) as typeof list;
    return found.data?.pages.flatMap((page) => page.submissions) ?? [];
  }, [list]);

  return (
    <section className="staff-card" aria-labelledby="failed" onFocus={onFocus}>
      <div className="staff-head">
        <h2 id="failed" tabIndex={-1} ref={heading}>
          {words.heading}
        </h2>
        {lines.length > 0 && (
          <button type="button" className="page-button" aria-disabled={busy} onClick={() => requeueing.all(rest)}>
            {requeueing.allDone === null
              ? words.all(lines.length, list.hasNextPage)
              : words.allSending(requeueing.allDone)}
          </button>
        )}
      </div>
      <p className="staff-muted">
        {lines.length > 0 ? words.explanation : list.isPending ? staff.looking : words.none}
      </p>
      <p role="status" className="staff-said">
        {requeueing.said}
      </p>
      <Lines>
        {lines.map((line) => (
          <Line key={line.submission_id} line={line}>
            <p className="staff-why">{line.failure ?? words.unknown}</p>
            <Again
              outcome={requeueing.of(line.submission_id)}
              listedAt={list.dataUpdatedAt}
              name={words.againName(line)}
              busy={busy}
              onPress={() => requeueing.one(line)}
            />
          </Line>
        ))}
      </Lines>
      <More list={list} />
    </section>
  );
}

interface AgainProps {
  outcome: Requeueing | undefined;
  listedAt: number;
  name: string;
  busy: boolean;
  onPress: () => void;
}

/** What is still listed after it was put in line has failed once more: the button is there again. */
function Again({ outcome, listedAt, name, busy, onPress }: AgainProps) {
  const inLine = outcome?.state === "in_line" && outcome.at >= listedAt;
  const sending = outcome?.state === "sending";
  const label = sending ? words.sending : inLine ? words.inLine : words.again;
  return (
    <div className="staff-again">
      {outcome?.state === "refused" && <p className="staff-why">{words.notAgain(outcome.why)}</p>}
      <button
        type="button"
        className="page-button"
        aria-disabled={busy || sending || inLine}
        aria-label={`${label}: ${name}`}
        onClick={() => !busy && !inLine && onPress()}
      >
        {label}
      </button>
    </div>
  );
}

/** A pressed button goes away with its line; whoever works by keyboard goes on from the heading then. */
function useFocusKept(lines: number) {
  const heading = useRef<HTMLHeadingElement>(null);
  const focused = useRef<Element | null>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is the change of the lines that takes the focus away.
  useEffect(() => {
    const gone = focused.current !== null && !focused.current.isConnected;
    if (gone && document.activeElement === document.body) heading.current?.focus();
  }, [lines]);
  const onFocus = useCallback((event: FocusEvent) => {
    focused.current = event.target;
  }, []);
  return { heading, onFocus };
}
