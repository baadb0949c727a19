import { useMemo } from "react";
import { results } from "../../strings";
import { difference, type Row, visible } from "./compare";

/** The difference of two outputs, by signs as well as by colours. */
export function Difference({ expected, printed }: { expected: string; printed: string }) {
  const rows = useMemo(() => difference(expected, printed), [expected, printed]);
  return (
    <figure className="rc-text">
      <figcaption>{results.difference}</figcaption>
      {rows === null ? (
        <p className="rc-note">{results.tooDifferent}</p>
      ) : rows.length === 0 ? (
        <p className="rc-note">{results.sameText}</p>
      ) : (
        <>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre className="rc-diff" dir="auto" tabIndex={0}>
            {rows.map((row, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: rows never move
              <Line key={index} row={row} />
            ))}
          </pre>
          <p className="rc-note">{results.differenceLegend}</p>
        </>
      )}
    </figure>
  );
}

function Line({ row }: { row: Row }) {
  if (row.kind === "skipped") return <span className="rc-diff__skipped">{results.unchangedLines(row.lines)}</span>;
  if (row.kind === "same") return <span className="rc-diff__row">{`  ${row.text}`}</span>;
  const [sign, name, Tag] =
    row.kind === "expected"
      ? (["−", results.expectedLine, "del"] as const)
      : (["+", results.printedLine, "ins"] as const);
  return (
    <span className={`rc-diff__row rc-diff__row--${row.kind}`}>
      <span aria-hidden="true">{`${sign} `}</span>
      <span className="rc-unseen">{`${name}: `}</span>
      {row.pieces.map(({ text, changed }, index) =>
        // biome-ignore lint/suspicious/noArrayIndexKey: pieces never move
        changed ? <Tag key={index}>{visible(text)}</Tag> : visible(text),
      )}
    </span>
  );
}
