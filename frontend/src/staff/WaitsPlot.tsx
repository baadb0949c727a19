import type { Overview } from "../package";
import { staff } from "../strings";
import { clock } from "./times";
import { type Step, stepsOf, topOf, worstOf } from "./waits";

const words = staff.waits;
const HEIGHT = 132;
const AXIS = 20;
const ABOVE = 14;
const FLOOR = HEIGHT - AXIS;

const seconds = (value: number | null) => (value === null ? staff.none : staff.duration(value));

/** Both queues on one scale, so that they can be compared. Median and longest differ in form, not only in colour. */
export function WaitsPlot({ overview }: { overview: Overview }) {
  const queues = Object.keys(overview.queues).map((queue) => ({ queue, steps: stepsOf(overview.waits, queue) }));
  const top = topOf(queues.flatMap(({ steps }) => steps));
  return (
    <section className="staff-card staff-waits" aria-labelledby="waits">
      <h2 id="waits">{words.heading}</h2>
      <p className="staff-muted">{words.explanation}</p>
      <ul className="staff-legend">
        <li>
          <svg width="14" height="14" aria-hidden="true">
            <rect className="staff-median" x="4.5" y="1" width="5" height="12" />
          </svg>
          {words.median}
        </li>
        <li>
          <svg width="14" height="14" aria-hidden="true">
            <rect className="staff-longest" x="1" y="1" width="12" height="12" />
          </svg>
          {words.longest}
        </li>
      </ul>
      <div className="staff-panels">
        {queues.map(({ queue, steps }) => (
          <Panel key={queue} name={staff.queues.name(queue)} steps={steps} top={top} />
        ))}
      </div>
      <details>
        <summary>{words.table}</summary>
        <div className="staff-panels">
          {queues.map(({ queue, steps }) => (
            <WaitsTable key={queue} name={staff.queues.name(queue)} steps={steps} />
          ))}
        </div>
      </details>
    </section>
  );
}

function Panel({ name, steps, top }: { name: string; steps: Step[]; top: number }) {
  const worst = worstOf(steps);
  const y = (value: number) => FLOOR - (value / top) * (FLOOR - ABOVE);
  const said =
    worst === null ? words.none : words.summary(name, seconds(worst.longest), clock(worst.beginsAt, "minutes"));
  return (
    <figure>
      <figcaption>{name}</figcaption>
      <svg className="staff-plot" width="100%" height={HEIGHT} role="img" aria-label={said}>
        {[top, top / 2].map((value) => (
          <g key={value}>
            <line className="staff-grid" x1="0" x2="100%" y1={y(value)} y2={y(value)} />
            <text x="0" y={y(value) - 4}>
              {staff.duration(value)}
            </text>
          </g>
        ))}
        <line className="staff-floor" x1="0" x2="100%" y1={FLOOR} y2={FLOOR} />
        {steps.map((step, number) => (
          <Bars key={step.beginsAt.getTime()} step={step} number={number} of={steps.length} y={y} />
        ))}
        {worst === null && (
          <text x="50%" y={(FLOOR + ABOVE) / 2 + 22} textAnchor="middle">
            {words.none}
          </text>
        )}
      </svg>
    </figure>
  );
}

interface BarsProps {
  step: Step;
  number: number;
  of: number;
  y: (value: number) => number;
}

/** The first eighth of the width is the scale's; across is in percent, so that text is never stretched. */
function Bars({ step, number, of, y }: BarsProps) {
  const each = 88 / of;
  const middle = 12 + (number + 0.5) * each;
  const bar = (value: number, width: number) => {
    const height = Math.max(2, FLOOR - y(value));
    return { x: `${middle - width / 2}%`, width: `${width}%`, y: FLOOR - height, height };
  };
  const time = clock(step.beginsAt, "minutes");
  return (
    <g>
      <title>{words.step(time, step.started, seconds(step.median), seconds(step.longest))}</title>
      {step.longest !== null && <rect className="staff-longest" {...bar(step.longest, each * 0.7)} />}
      {step.median !== null && <rect className="staff-median" {...bar(step.median, each * 0.3)} />}
      {number % 3 === 0 && (
        <text x={`${middle}%`} y={HEIGHT - 4} textAnchor="middle">
          {time}
        </text>
      )}
    </g>
  );
}

function WaitsTable({ name, steps }: { name: string; steps: Step[] }) {
  return (
    <table className="staff-table">
      <caption>{name}</caption>
      <thead>
        <tr>
          <th scope="col">{words.begins}</th>
          <th scope="col">{words.started}</th>
          <th scope="col">{words.median}</th>
          <th scope="col">{words.longest}</th>
        </tr>
      </thead>
      <tbody>
        {steps.map((step) => (
          <tr key={step.beginsAt.getTime()}>
            <th scope="row">{clock(step.beginsAt, "minutes")}</th>
            <td>{step.started}</td>
            <td>{seconds(step.median)}</td>
            <td>{seconds(step.longest)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
