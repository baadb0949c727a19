/** Every English word of the package and of the two pages. Functions where a number or a name goes in. */

const endings: Record<string, string> = { one: "st", two: "nd", few: "rd", other: "th" };

export function ordinal(position: number): string {
  return `${position}${endings[new Intl.PluralRules("en", { type: "ordinal" }).select(position)]}`;
}

/** "8 s", "2 min", "1 min 5 s". */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const rest = seconds % 60;
  return rest === 0 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 60)} min ${rest} s`;
}

export const status = {
  sending: "Sending…",
  sendingMore: "You can go on working: where the network fails, it is sent again by itself.",
  keptInBrowser: "It is kept in this browser. Keep this page open until it says Recorded.",
  keptInPage: "Kept only while this page is open: do not close or reload it.",
  sendingAgain: (seconds: number) =>
    seconds > 0
      ? `Not sent yet. It is sent again by itself in ${duration(seconds)}.`
      : "Not sent yet. It is being sent again.",
  rateLimited: "Too many in one minute: not taken yet",
  rateLimitedMore: (seconds: number) =>
    seconds > 0 ? `It is sent by itself in ${duration(seconds)}.` : "It is being sent now.",
  sendingUnreachable: "No answer yet",
  sendingOffline: "You are offline: not sent yet",
  sendingOfflineMore: "It is sent by itself as soon as you are online.",
  sendingSignedOut: "You are signed out: not sent yet",
  sendingSignedOutMore: "Sign in again: then it is sent by itself.",
  cancelling: "Cancelling.",
  cancellingMore:
    "It is not known yet whether it was recorded; if it was, it is cancelled as soon as the service answers.",
  cancellingRecorded: "It is being cancelled.",
  recorded: "Recorded.",
  recordedMore: "Asking how far it is…",
  next: "Recorded. Next in line.",
  position: (position: number) => `Recorded. ${ordinal(position)} in line.`,
  wait: (seconds: number) => {
    if (seconds <= 0) return "Begins any moment.";
    // An estimate of minutes to the second would promise too much.
    return `About ${seconds > 60 ? `${Math.round(seconds / 60)} min` : duration(seconds)} until judging begins.`;
  },
  returned: "The judging was interrupted and begins again by itself. Nothing is lost.",
  judgeAway: "Recorded. The judge is away.",
  processing: "Being judged.",
  progress: (finished: number, total: number) => `${finished} of ${total} ${total === 1 ? "test" : "tests"}`,
  completedSubmit: (verdict: string, score: number, points: number) => `${verdict}: ${score} of ${points} points.`,
  completedSubmitMore: (passed: number, total: number) => `Judged and recorded. ${passed} of ${total} tests passed.`,
  completedRun: (verdict: string) => `${verdict}.`,
  completedRunMore: (passed: number, total: number) =>
    `${passed} of ${total} sample ${total === 1 ? "test" : "tests"} passed. A Run does not count towards your score.`,
  completedOwnInput: "Ran to its end.",
  completedOwnInputMore: "On your own input: nothing was compared. A Run does not count towards your score.",
  runDoesNotCount: "A Run does not count towards your score.",
  failed: "We could not judge it. The fault is ours, not yours.",
  failedMore: "Your code is safe with us and costs you nothing. It can be judged again.",
  cancelled: "Cancelled before judging.",
  cancelledMore: "It does not count.",
  superseded: "Replaced by a newer Run of this question.",
  supersededMore: "Only the newer one is judged. A Run does not count towards your score.",
  refused: "Not taken: it does not count.",
  lost: "It was recorded.",
  lostMore: (detail: string) => `The service does not show it any more (${detail}). See History.`,
  connectionOffline:
    "You are offline. It is recorded and judged all the same; the result shows as soon as you are back.",
  connectionUnreachable: (seconds: number) =>
    seconds > 0
      ? `The service does not answer. What you sent is recorded. Asking again in ${duration(seconds)}.`
      : "The service does not answer. What you sent is recorded. Asking again…",
  connectionRateLimited: (seconds: number) => (seconds > 0 ? `Asking again in ${duration(seconds)}.` : "Asking again…"),
  connectionSignedOut: "You are signed out. It is recorded and judged all the same. Sign in again to see the result.",
  notCancelled: (why: string) => `It could not be cancelled. ${why}`,
} as const;

export const verdicts = {
  accepted: "Accepted",
  wrong_answer: "Wrong answer",
  time_limit_exceeded: "Time limit exceeded",
  memory_limit_exceeded: "Memory limit exceeded",
  output_limit_exceeded: "Output limit exceeded",
  runtime_error: "Runtime error",
  compilation_error: "Compile error",
} as const;

export const buttons = {
  run: "Run",
  submit: "Submit",
  sending: "Sending…",
  queued: "Waiting…",
  running: "Running…",
  judging: "Judging…",
  cancelling: "Cancelling…",
  cancel: "Cancel",
  cancelRun: "Cancel the waiting Run",
  cancelSubmit: "Cancel the waiting Submit",
} as const;

export const results = {
  heading: "Tests",
  summary: (passed: number, total: number) => `${passed} of ${total} passed`,
  sample: (number: number) => `Test ${number}`,
  hidden: (number: number) => `Test ${number} (hidden)`,
  seconds: (seconds: number) => `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`,
  memory: (kilobytes: number) =>
    kilobytes < 1024 ? `${kilobytes} KB` : `${(kilobytes / 1024).toFixed(kilobytes < 10_240 ? 1 : 0)} MB`,
  hiddenMore: "Its input and output are not shown.",
  input: "Input",
  expected: "Expected output",
  output: "Your output",
  stderr: "Error output",
  difference: "Difference",
  differenceLegend:
    "“−” was expected and is missing, “+” was printed and should not be. Marked in each line is what differs.",
  expectedLine: "expected",
  printedLine: "printed",
  tooDifferent: "The two differ too much to be compared line by line.",
  sameText: "The texts shown do not differ.",
  unchangedLines: (lines: number) => (lines === 1 ? "1 line the same" : `${lines} lines the same`),
  empty: "(nothing)",
  truncated: "Cut: only the beginning is shown.",
  fullOutput: "The whole output (link works for a few minutes)",
  compileOutput: "What the compiler says",
  line: (line: number) => `Go to line ${line}`,
  ownOutput: "Output for your input",
} as const;

export const problems = {
  noAnswer: "The service did not answer.",
  notUnderstood: "The answer was not understood.",
  status: (status: number) => `The service answered with the error ${status}.`,
  field: (field: string, message: string) => `${field}: ${message}`,
  request: (id: string) => `Request ${id}`,
} as const;

export const summary = {
  caption: "Score so far",
  question: "Question",
  score: "Score",
  counts: "Counts",
  total: "Total so far",
  of: (score: number, points: number) => `${score} of ${points}`,
  none: (points: number) => `– of ${points}`,
  noneYet: "nothing judged yet",
  best: "Of each question the best Submit counts.",
  last: "Of each question the last Submit counts.",
  counted: (time: string) => `Submit of ${time}`,
  countedUnknown: "an earlier Submit",
} as const;

const count = (number: number, one: string, many: string) => `${number} ${number === 1 ? one : many}`;

export const staff = {
  title: "Supervisor · run-code",
  heading: "Supervisor",
  signOut: "Sign out",
  lookedAt: (time: string) => `Seen at ${time}`,
  looking: "Looking…",
  none: "–",
  lookingAgain: "This page asks again by itself.",
  old: (time: string) => `What stands below is from ${time}.`,
  lost: {
    title: "This page does not know its service",
    sentence: "It was neither built for one nor served by a local stack.",
    button: "Look again",
  },
  notStaff: {
    title: "This page is for instructors",
    sentence: "The token that you signed in with is not an instructor's. Students' pages are not affected.",
    button: "Sign in with another token",
  },
  condition: {
    healthy: { sentence: "All is well.", short: null },
    looking: { sentence: "Looking…", short: null },
    judgeAway: {
      sentence: "The judge is not answering. Submissions are safe, and are judged as soon as it is back.",
      short: "Judge away",
    },
    judgeTried: {
      sentence: "The judge was away and is being tried with one submission.",
      short: "Judge being tried",
    },
    oneJudgeAway: {
      sentence: "One of the judges is not answering. The others judge what waits.",
      short: "One judge away",
    },
    longWait: { sentence: "Somebody has waited for more than a minute.", short: "Long wait" },
    databaseAway: {
      sentence: "The service cannot reach its database. Students' pages keep what was sent, and send it again.",
      short: "Database away",
    },
    unreachable: { sentence: "The service does not answer.", short: "No answer" },
    signedOut: { sentence: "You are signed out.", short: "Signed out" },
    offline: { sentence: "This computer is offline.", short: "Offline" },
  },
  queues: {
    heading: (name: string) => `${name} queue`,
    name: (queue: string) => queue[0]?.toUpperCase() + queue.slice(1),
    length: (length: number) => (length === 0 ? "Nobody waits" : `${length} waiting`),
    oldest: "Oldest waits",
    expected: "A new one waits about",
  },
  slots: {
    heading: "Slots",
    used: (held: number, usable: number) => `${held} of ${usable} in use`,
    none: "There are no slots.",
    slot: (number: number) => `Slot ${number}`,
    free: "Free",
    held: "Judging",
    retired: "retired",
  },
  judge: {
    heading: "Judge",
    state: { closed: "Answers", open: "Does not answer", half_open: "Being tried" },
    breaker: { closed: "Breaker closed", open: "Breaker open", half_open: "Breaker half open" },
    since: (time: string, ago: string) => `since ${time} (${ago})`,
    several: "Judges",
    answering: (up: number, all: number) => (up === all ? "All answer" : `${up} of ${all} answer`),
    slots: (usable: number) => (usable === 1 ? "1 slot" : `${usable} slots`),
  },
  service: (version: string, uptime: string) => `Service ${version}, this instance up for ${uptime}`,
  waits: {
    heading: "Waits over the last hour",
    explanation: "From being sent to the begin of judging, in steps of five minutes.",
    median: "Median",
    longest: "Longest",
    none: "No judging began in the last hour.",
    summary: (queue: string, longest: string, time: string) => `${queue}: the longest wait was ${longest}, at ${time}.`,
    step: (time: string, started: number, median: string, longest: string) =>
      `${time}: ${count(started, "judging", "judgings")}, median ${median}, longest ${longest}`,
    table: "The same as a table",
    begins: "From",
    started: "Judgings",
  },
  statuses: {
    heading: "All submissions by status",
    name: (status: string) => status[0]?.toUpperCase() + status.slice(1),
  },
  failed: {
    heading: "Failed",
    explanation:
      "Those of your exams that could not be judged: our fault, never the student's. They have no verdict and no score.",
    none: "Nothing failed in your exams.",
    short: (number: number) => `${number} failed`,
    unknown: "No reason was recorded.",
    again: "Judge again",
    sending: "Sending…",
    inLine: "In line again",
    all: (number: number, more: boolean) =>
      more ? "Judge all again" : `Judge ${number === 1 ? "it" : `all ${number}`} again`,
    allSending: (done: number) => `Sent ${done}…`,
    one: (line: { student: string; question_id: string }, why: string | null) =>
      why === null
        ? `In line again: ${line.student}, ${line.question_id}.`
        : `Not put in line: ${line.student}, ${line.question_id}. ${why}`,
    result: (inLine: number, refused: number, whys: string[]) => {
      const parts = [];
      if (inLine > 0) parts.push(`${inLine} ${inLine === 1 ? "is" : "are"} in line again.`);
      if (refused > 0) parts.push(`${refused} ${refused === 1 ? "is" : "are"} not: ${whys.join(" ")}`);
      return parts.join(" ");
    },
    againName: (line: { student: string; question_id: string }) => `${line.student}, ${line.question_id}`,
    notAgain: (why: string) => `Not put in line: ${why}`,
  },
  find: {
    heading: "Find submissions",
    question: "Question",
    attempt: "Attempt",
    status: "Status",
    any: "Any",
    button: "Find",
    none: "No submission of your exams is like this.",
    more: "Show more",
    loading: "Loading…",
    shown: (number: number, more: boolean) =>
      `${count(number, "submission", "submissions")}${more ? " so far" : ""}, newest first`,
    ofAttempt: (attempt: string) => `Attempt ${attempt}`,
    score: (score: number, points: number) => `${score} of ${points}`,
  },
  /** Below ten seconds with a tenth; above an hour without seconds. */
  duration: (seconds: number): string => {
    if (seconds < 9.95) return `${Math.round(seconds * 10) / 10} s`;
    const whole = Math.round(seconds);
    if (whole < 3600) return duration(whole);
    const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
    return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  },
} as const;

export const signIn = {
  title: (kind: "student" | "staff") => (kind === "student" ? "Sign in to your exam" : "Sign in as an instructor"),
  samples: (kind: "student" | "staff") => (kind === "student" ? "A sample student" : "The sample instructor"),
  token: "Token",
  attempt: "Attempt",
  missing: { token: "Paste your token first.", attempt: "Name your attempt." },
  signIn: "Sign in",
  signOut: "Sign out",
  whereFrom: (kind: "student" | "staff") =>
    kind === "student"
      ? "Usually your exam platform brings you here signed in. Otherwise it, or your supervisor, gives you both."
      : "Your platform gives out tokens of the role “instructor”.",
  local: "Local stack: not a real exam",
  localLabel: "Where you are",
  signedOut: "You are signed out",
  nothingLost: (kind: "student" | "staff") =>
    kind === "student"
      ? "Nothing is lost: your code is kept in this browser, and what was recorded is judged. Open the exam from your platform again, or paste a new token here, and everything goes on."
      : "Paste a new token, and everything goes on.",
  goOn: "Go on",
  unknown: "nobody",
  otherStudent: (other: string, own: string) =>
    `This is the token of ${other}, but this page is that of ${own}. To change, sign out first.`,
  theme: "Colours",
  themes: { system: "Auto", light: "Light", dark: "Dark" },
} as const;

export const exam = {
  loading: "Opening your exam…",
  leaving: {
    title: "A Run or Submit is not sent yet",
    more: "It is recorded only once it is sent. If you sign out now, it is sent when you sign in here again.",
    stay: "Stay",
    signOut: "Sign out",
  },
  skipToStatement: "Skip to the question",
  skipToEditor: "Skip to the editor",
  timeLeft: "Time left",
  noEnd: "No time limit",
  over: "The exam is over",
  timeMarks: {
    ten_minutes: "Ten minutes left.",
    one_minute: "One minute left. Only a Submit counts.",
    over: "The exam is over.",
  },
  overMore:
    "What you submitted in time is recorded and counts, also where it is still being judged. New Runs and Submits are no longer taken.",
  offline:
    "You are offline. Your code is kept in this browser; what you send goes out by itself once you are online again: keep this page open until it says Recorded.",
  unreachable:
    "The service does not answer just now. Your code is kept in this browser, and this page tries again by itself.",
  questions: "Questions",
  score: (score: number | null, points: number) => `${score ?? "–"} / ${points}`,
  scoreAloud: (score: number | null, points: number) =>
    score === null ? `nothing scored yet, of ${points} points` : `score so far ${score} of ${points}`,
  total: "Score so far",
  underway: { sending: "sending…", notSent: "not sent yet", queued: "waiting", processing: "judging" },
  notSubmitted: "not submitted",
  openQuestion: "Open a question",
  questionId: "Question",
  open: "Open",
  close: "Close",
  anyQuestion: "This exam is open to every question. Name one, for example “sum”.",
  statement: "Question",
  points: (points: number) => `${points} ${points === 1 ? "point" : "points"}`,
  limits: {
    points: "Points",
    time: "Time",
    memory: "Memory",
    seconds: (seconds: number) => `${Number(seconds.toFixed(2))} s a test`,
    megabytes: (kilobytes: number) => `${Math.round(kilobytes / 1024)} MB`,
  },
  samples: "Examples",
  sample: (number: number) => `Example ${number}`,
  input: "Input",
  output: "Output",
  truncated: "Cut: only the beginning is shown.",
  copy: "Copy",
  copyWhat: (what: string, number: number) => `Copy the ${what.toLowerCase()} of example ${number}`,
  copied: "Copied",
  notCopied: "Not copied: select it by hand",
  answer: "Your answer",
  outcome: "What came out",
  tabs: { run: "Run", submit: "Submit", history: "History" },
  noRun: "Not run yet. Run tries your code on the examples and does not count.",
  noSubmit: "Not submitted yet. Submit judges your code on all tests and counts.",
  submittedBefore: "What you submitted before is in History. Submit judges your code on all tests and counts.",
  counts: { best: "Your best Submit of this question counts.", last: "Your last Submit of this question counts." },
  nothingSubmitted: "Nothing is submitted for this question yet. Only a Submit counts.",
  earlierCounts: "An earlier Submit of this question counts.",
  changedSince: "You have changed the code since your last Submit.",
  restoreLast: "Put that code into the editor",
  sameAsSubmitted: "This is the code of your last Submit.",
  ownInput: "Run on my own input",
  ownInputLabel: "Your input",
  ownInputMore: "Run then shows what your code prints for it; nothing is compared.",
  inputTooLong: (bytes: number) => `Your input has ${bytes.toLocaleString("en")} bytes; at most 65,536 can be sent.`,
  codeTooLong: (bytes: number) => `Your code has ${bytes.toLocaleString("en")} bytes; at most 65,536 can be sent.`,
  codeEmpty: "The editor is empty: there is nothing to send yet.",
  runTitle: (keys: string) => `Try it on the examples (${keys}). Does not count.`,
  submitTitle: (keys: string) => `Have it judged on all tests (${keys}). Counts.`,
  receipt: "Copy receipt",
  receiptMore: "It proves that this Submit was recorded, and when. Keep it, if you like.",
  errorsHeading: "Where it went wrong",
  history: {
    caption: "Your Runs and Submits of this question, newest first",
    when: "Time",
    kind: "Kind",
    language: "Language",
    outcome: "Outcome",
    score: "Score",
    counts: "counts",
    show: "Show",
    hide: "Hide",
    showAloud: (kind: string, time: string) => `${kind} of ${time}`,
    none: "Nothing was sent for this question yet.",
    noneSoFar: "None among the newest; older ones may hold some.",
    more: "Show older ones",
    loading: "Loading…",
    notLoaded: "The older ones could not be loaded just now.",
    code: "Code",
    restore: "Put this code into the editor",
    restored: "It is in the editor. Undo brings back what was there.",
  },
  statuses: {
    queued: "Waiting",
    processing: "Being judged",
    completed: "Judged",
    failed: "Could not be judged",
    cancelled: "Cancelled",
    superseded: "Replaced by a newer Run",
  },
  titles: {
    sending: "⏳ Sending",
    recorded: "⏳ Recorded",
    position: (position: string) => `⏳ ${position} in line`,
    judging: (finished: number, total: number) => `⏳ ${finished} of ${total}`,
    accepted: (verdict: string) => `✓ ${verdict}`,
    rejected: (verdict: string) => `✗ ${verdict}`,
    finished: "✓ Finished",
    failed: "⚠ Not judged",
    refused: "⚠ Not taken",
    lost: "⚠ See History",
    page: "Exam",
  },
  faces: {
    again: "Try again",
    signOut: "Sign in as somebody else",
    notBegun: "Your exam has not begun yet",
    notBegunMore: "This page opens by itself once it begins.",
    otherStudents: "This attempt is another student’s",
    otherStudentsMore: "You are signed in, but this attempt is not yours. Open the exam from your platform again.",
    unknownAttempt: "There is no such attempt",
    unknownAttemptMore: (id: string) =>
      `The service knows no attempt “${id}”. Open the exam from your platform again, or ask your supervisor.`,
    away: "The service does not answer just now",
    awayMore:
      "This page tries again by itself. What was recorded is judged, and what you typed is kept in this browser.",
    refused: "The exam could not be opened",
    unknownQuestion: "There is no such question",
    questionOffline: "This question was not loaded before the network went. It opens by itself.",
    questionAway: "The question cannot be shown just now. This page tries again by itself.",
    lost: "This page does not know its service",
    lostMore: "It looks for local.json, which the local stack serves, and did not find it.",
    broken: "Something in this page broke",
    brokenMore: "Your code is kept in this browser. Reload the page to go on.",
    reload: "Reload",
  },
} as const;

export const editor = {
  label: (question: string, language: string) => `Code for ${question} in ${language}`,
  language: "Language",
  loading: "The editor is being loaded…",
  plain: "The editor could not be loaded. You can write here all the same; everything is kept and sent as usual.",
  hint: "Tab indents. To leave the editor, press Escape, then Tab.",
  kept: "Kept in this browser",
  notKept:
    "This browser cannot keep your code (its storage is full or switched off). Do not reload or close this page before you have submitted.",
  otherTab: "This question was changed in another tab just now.",
  takeOther: "Use that code",
  keepMine: "Keep mine",
  tookOther: "Taken over from another tab. Undo brings back what was here.",
  fine: "OK",
  goToLine: (line: number) => `Line ${line}`,
} as const;
