/** Time left, and when it is worth saying aloud. Pure. */

export type TimeMark = "ten_minutes" | "one_minute" | "over";

/** The mark that this many seconds have reached; null while there is plenty. */
export function timeMark(seconds: number): TimeMark | null {
  if (seconds <= 0) return "over";
  if (seconds <= 60) return "one_minute";
  return seconds <= 600 ? "ten_minutes" : null;
}

/** "1:02:03", "9:59"; "2 d 3 h" where it is more than a day. */
export function clockFace(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  const [days, hours] = [Math.floor(whole / 86400), Math.floor((whole % 86400) / 3600)];
  if (days > 0) return `${days} d ${hours} h`;
  const two = (number: number) => String(number).padStart(2, "0");
  const [minutes, rest] = [Math.floor((whole % 3600) / 60), whole % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}
