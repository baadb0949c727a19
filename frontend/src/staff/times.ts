/** Of 24 hours: short, and the same for everybody. Made once: making one costs more than a page of formatting. */
const formats = {
  minutes: new Intl.DateTimeFormat([], { hourCycle: "h23", hour: "2-digit", minute: "2-digit" }),
  seconds: new Intl.DateTimeFormat([], { hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit" }),
};
const day = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });

/** A moment of the day. */
export function clock(moment: Date, to: keyof typeof formats): string {
  return formats[to].format(moment);
}

/** With its day where that is not today's. */
export function moment(then: Date, now: Date): string {
  const time = clock(then, "seconds");
  return then.toDateString() === now.toDateString() ? time : `${day.format(then)}, ${time}`;
}
