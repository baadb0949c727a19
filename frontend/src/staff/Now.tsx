import type { Overview } from "../package";
import { staff } from "../strings";
import { moment } from "./times";

/** What happens at this moment: both queues, the slots, the judge. `seenAt` is when the service was asked. */
export function Now({ overview, seenAt }: { overview: Overview; seenAt: Date }) {
  return (
    <div className="staff-now">
      {Object.entries(overview.queues).map(([queue, health]) => (
        <Queue key={queue} name={staff.queues.name(queue)} health={health} />
      ))}
      <Slots slots={overview.slots} named={overview.judges.length > 1} />
      {overview.judges.length > 1 ? (
        <Judges judges={overview.judges} />
      ) : (
        <Judge judge={overview.judge} seenAt={seenAt} />
      )}
    </div>
  );
}

function Queue({ name, health }: { name: string; health: Overview["queues"][string] }) {
  const { length, oldest_seconds, estimated_wait_seconds } = health;
  return (
    <section className="staff-card" aria-label={staff.queues.heading(name)}>
      <h2>{staff.queues.heading(name)}</h2>
      <p className="staff-figure">{staff.queues.length(length)}</p>
      <dl className="staff-facts">
        <div>
          <dt>{staff.queues.oldest}</dt>
          <dd>{oldest_seconds === null ? staff.none : staff.duration(oldest_seconds)}</dd>
        </div>
        <div>
          <dt>{staff.queues.expected}</dt>
          <dd>{staff.duration(estimated_wait_seconds)}</dd>
        </div>
      </dl>
    </section>
  );
}

/** `named`: each with its judge, where there are several. */
function Slots({ slots, named }: { slots: Overview["slots"]; named: boolean }) {
  const usable = slots.filter((slot) => !slot.retired).length;
  const held = slots.filter((slot) => slot.held && !slot.retired).length;
  return (
    <section className="staff-card" aria-labelledby="slots">
      <h2 id="slots">{staff.slots.heading}</h2>
      <p className="staff-figure">{slots.length === 0 ? staff.slots.none : staff.slots.used(held, usable)}</p>
      <ul className="staff-slots">
        {slots.map((slot) => (
          <li key={slot.number} className={slot.held ? "staff-held" : undefined}>
            <span>
              {staff.slots.slot(slot.number)}
              {named && ` · ${slot.judge}`}
            </span>
            <span>
              {slot.held ? staff.slots.held : staff.slots.free}
              {slot.submission_id !== null && (
                <>
                  {" "}
                  <code title={slot.submission_id}>{slot.submission_id.slice(0, 8)}</code>
                </>
              )}
              {slot.retired && ` · ${staff.slots.retired}`}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Judge({ judge, seenAt }: { judge: Overview["judge"]; seenAt: Date }) {
  const { state, since } = judge;
  return (
    <section className="staff-card" aria-labelledby="judge">
      <h2 id="judge">{staff.judge.heading}</h2>
      <p className={`staff-figure staff-judge-${state}`}>{staff.judge.state[state]}</p>
      <p className="staff-muted">
        {staff.judge.breaker[state]}
        {/* A closed breaker that never opened has no moment since when. */}
        {state !== "closed" && since !== null && ` ${sinceWhen(new Date(since), seenAt)}`}
      </p>
    </section>
  );
}

function Judges({ judges }: { judges: Overview["judges"] }) {
  const up = judges.filter((judge) => judge.state === "closed").length;
  return (
    <section className="staff-card" aria-labelledby="judges">
      <h2 id="judges">{staff.judge.several}</h2>
      <p className={`staff-figure ${up < judges.length ? "staff-judge-open" : ""}`}>
        {staff.judge.answering(up, judges.length)}
      </p>
      <dl className="staff-facts">
        {judges.map((judge) => (
          <div key={judge.name}>
            <dt>{judge.name}</dt>
            <dd className={`staff-judge-${judge.state}`}>
              {staff.judge.state[judge.state]} · {staff.judge.slots(judge.slots)}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function sinceWhen(since: Date, now: Date): string {
  const seconds = Math.max(0, Math.round((now.getTime() - since.getTime()) / 1000));
  return staff.judge.since(moment(since, now), staff.duration(seconds));
}

export function Statuses({ statuses }: { statuses: Overview["statuses"] }) {
  return (
    <section className="staff-card" aria-labelledby="statuses">
      <h2 id="statuses">{staff.statuses.heading}</h2>
      <dl className="staff-statuses">
        {Object.entries(statuses).map(([status, number]) => (
          <div key={status}>
            <dt>{staff.statuses.name(status)}</dt>
            <dd>{number}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
