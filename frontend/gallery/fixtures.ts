/** What the service would answer, for every story: typed by the served schema. */
import type {
  Attempt,
  Health,
  Language,
  Overview,
  Problem,
  Question,
  Submission,
  SubmissionLine,
} from "../src/package";

type TestView = Submission["tests"][number];
type Verdict = NonNullable<Submission["verdict"]>;

const MINUTE = 60_000;
/** All of the gallery's times are near this moment: stories look the same whenever they are opened, but for "today". */
const opened = Date.now();
export const ago = (milliseconds: number) => new Date(opened - milliseconds).toISOString();
export const ahead = (milliseconds: number) => new Date(opened + milliseconds).toISOString();

export const code = `def add(a, b):
    return a + b


a, b = map(int, input().split())
print(add(a, b))
`;

export const id = (number: number) => number.toString(16).padStart(2, "0").repeat(16);

export function submission(changes: Partial<Submission> = {}): Submission {
  return {
    submission_id: id(1),
    status: "queued",
    run_type: "submit",
    attempt_id: "sample-alice",
    question_id: "two-numbers",
    language: "python",
    queue_position: 4,
    estimated_wait_seconds: 8,
    poll_after_seconds: 2,
    progress: { finished: 0, total: 10 },
    verdict: null,
    score: null,
    points: 100,
    passed: 0,
    total: 10,
    tests: [],
    compile_output: null,
    message: "Waiting in line.",
    code,
    stdin: null,
    created_at: ago(4000),
    started_at: null,
    finished_at: null,
    ...changes,
  };
}

export const processing = (finished: number, changes: Partial<Submission> = {}) =>
  submission({
    status: "processing",
    queue_position: null,
    estimated_wait_seconds: null,
    progress: { finished, total: 10 },
    message: "Being judged.",
    started_at: ago(2000),
    ...changes,
  });

const ended = { queue_position: null, estimated_wait_seconds: null, poll_after_seconds: null, finished_at: ago(500) };

export const accepted = (number: number, changes: Partial<TestView> = {}): TestView => ({
  number,
  hidden: false,
  verdict: "accepted",
  time_seconds: 0.021,
  memory_kb: 9120,
  stdin: `${number} ${number + 1}\n`,
  expected_output: `${2 * number + 1}\n`,
  stdout: `${2 * number + 1}\n`,
  stderr: "",
  ...changes,
});

export const hidden = (number: number, verdict: Verdict = "accepted"): TestView => ({
  number,
  hidden: true,
  verdict,
  time_seconds: verdict === "time_limit_exceeded" ? 2.01 : 0.019,
  memory_kb: 9100,
});

const hiddenOnes = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => hidden(from + i));

/** A judged one; what it passed and its score follow from the tests. */
export function completed(tests: TestView[], changes: Partial<Submission> = {}): Submission {
  const passed = tests.filter((test) => test.verdict === "accepted").length;
  const failing = tests.find((test) => test.verdict !== "accepted");
  return submission({
    ...ended,
    status: "completed",
    started_at: ago(3000),
    verdict: failing?.verdict ?? "accepted",
    score: Math.round((100 * passed) / tests.length),
    passed,
    total: tests.length,
    progress: { finished: tests.length, total: tests.length },
    tests,
    message: failing?.message ? `Test ${failing.number}: ${failing.message}` : null,
    ...changes,
  });
}

const failing: Record<Exclude<Verdict, "accepted" | "compilation_error">, Partial<TestView>> = {
  wrong_answer: {
    stdin: "3 4\n",
    expected_output: "7\nsum: 7\ndone\n",
    stdout: "7\nsum: 8 \ndone\n",
    message: "Line 2: expected `sum: 7`, but got `sum: 8 `.",
  },
  time_limit_exceeded: {
    stdin: "1000000000 1\n",
    expected_output: "1000000001\n",
    stdout: "",
    time_seconds: 2.004,
    message: "Still running after 2 s of processor time.",
  },
  memory_limit_exceeded: { memory_kb: 128_000, stdout: "", message: "Needed more than 125 MB of memory." },
  output_limit_exceeded: {
    stdout: "spam\n".repeat(40),
    truncated: true,
    full_output_url: "https://storage.example/full-output",
    message: "Wrote more than 1024 KB of output.",
  },
  runtime_error: {
    stdout: "",
    stderr:
      'Traceback (most recent call last):\n  File "main.py", line 5, in <module>\n    a, b = map(int, input().split())\nValueError: not enough values to unpack (expected 2, got 1)\n',
    message: "Ended with exit code 1, where 0 means success. Its error output may say why.",
  },
};

export const verdicts = {
  accepted: completed([accepted(1), accepted(2), ...hiddenOnes(3, 10)]),
  ...(Object.fromEntries(
    Object.entries(failing).map(([verdict, changes]) => [
      verdict,
      completed([accepted(1), accepted(2, { verdict: verdict as Verdict, ...changes }), ...hiddenOnes(3, 10)]),
    ]),
  ) as Record<keyof typeof failing, Submission>),
  compilation_error: submission({
    ...ended,
    status: "completed",
    language: "cpp",
    started_at: ago(3000),
    verdict: "compilation_error",
    score: 0,
    compile_output: `main.cpp: In function 'int main()':
main.cpp:6:18: error: expected ';' before '}' token
    6 |     std::cout << a + b
      |                       ^
      |                       ;
main.cpp:4:9: warning: unused variable 'c' [-Wunused-variable]
    4 |     int c;
      |         ^
`,
    code: "#include <iostream>\n\nint main() {\n    int a, b, c;\n    std::cin >> a >> b;\n    std::cout << a + b\n}\n",
  }),
} satisfies Record<Verdict, Submission>;

export const run = completed([accepted(1), accepted(2)], { run_type: "run", score: null, points: 100 });

export const ownInput = completed(
  [accepted(1, { stdin: "20 22\n", stdout: "42\n", stderr: "reading…\n", expected_output: null })],
  { run_type: "run", stdin: "20 22\n", verdict: null, score: null, passed: 0 },
);

export const hiddenOnly = completed([...hiddenOnes(1, 4), hidden(5, "wrong_answer"), hidden(6, "time_limit_exceeded")]);

export const longOutput = completed([
  accepted(1, {
    verdict: "wrong_answer",
    stdin: `${Array.from({ length: 60 }, (_, i) => i * i).join(" ")}\n`,
    expected_output: Array.from({ length: 80 }, (_, i) => `line ${i}: ${"x".repeat(i % 9)}`).join("\n"),
    stdout: Array.from({ length: 80 }, (_, i) => `line ${i}: ${"x".repeat(i === 40 ? 12 : i % 9)}`).join("\n"),
    truncated: true,
    full_output_url: "https://storage.example/full-output",
    message: "Line 41: expected `line 40: xxxx`, but got `line 40: xxxxxxxxxxxx`.",
  }),
  accepted(2, {
    verdict: "wrong_answer",
    expected_output: `${"0123456789".repeat(40)}\n`,
    stdout: `${"0123456789".repeat(39)}012345678\t\n`,
    message: "Line 1: it differs at its end.",
  }),
]);

export const failed = submission({
  ...ended,
  status: "failed",
  message: "We could not judge this. It is our fault and costs you nothing; it can be judged again.",
});
export const superseded = submission({
  ...ended,
  status: "superseded",
  run_type: "run",
  message: "Replaced by your newer Run of this question.",
});
export const cancelled = submission({ ...ended, status: "cancelled", message: "Cancelled before judging." });
export const judgeAway = submission({
  queue_position: 2,
  estimated_wait_seconds: null,
  message: "The judge is not answering. Your submission is safe and will be judged as soon as it is back.",
});

const questions = [
  { question_id: "two-numbers", title: "Two numbers", points: 100 },
  { question_id: "palindrome", title: "Palindrome", points: 150 },
  { question_id: "sorting", title: "Sorting without sorting", points: 50 },
];

export function attempt(changes: Partial<Attempt> = {}): Attempt {
  return {
    attempt_id: "sample-alice",
    exam: {
      exam_id: "sample",
      title: "Programming I: final exam",
      closes_at: ahead(47 * MINUTE),
      counts: "best",
      questions,
    },
    scores: [
      { question_id: "two-numbers", score: 100, points: 100, submission_id: id(1) },
      { question_id: "palindrome", score: 60, points: 150, submission_id: id(2) },
      { question_id: "sorting", score: null, points: 50, submission_id: null },
    ],
    submissions: [
      verdicts.accepted,
      { ...verdicts.wrong_answer, submission_id: id(3), created_at: ago(6 * MINUTE) },
      { ...verdicts.wrong_answer, submission_id: id(2), question_id: "palindrome", points: 150, score: 60 },
    ],
    next_page_token: null,
    ...changes,
  };
}

export const freshAttempt = attempt({
  scores: questions.map(({ question_id, points }) => ({ question_id, points, score: null, submission_id: null })),
  submissions: [],
});

export const fullAttempt = attempt({
  scores: questions.map(({ question_id, points }, number) => ({
    question_id,
    points,
    score: points,
    submission_id: id(number + 1),
  })),
});

export const lastCounts = attempt({ exam: { ...attempt().exam, counts: "last", closes_at: null } });
export const overAttempt = attempt({ exam: { ...attempt().exam, closes_at: ago(3 * MINUTE) } });

export const question: Question = {
  question_id: "two-numbers",
  title: "Two numbers",
  statement: `Read two whole numbers $a$ and $b$ from **one line** and print their sum.

$$0 \\le a, b \\le 10^9$$

| a | b | sum |
| -: | -: | -: |
| 1 | 2 | 3 |

Print nothing else: no \`Result:\` before it.
`,
  languages: ["python", "cpp", "java"],
  limits: { cpu_seconds: 2, memory_kb: 128_000, output_kb: 1024, time_multipliers: { java: 2 } },
  points: 100,
  samples: [
    { number: 1, stdin: "1 2\n", expected_output: "3\n" },
    { number: 2, stdin: "2 3\n", expected_output: "5\n" },
  ],
};

export const languages: Language[] = [
  { name: "python", label: "Python", version: "3.11" },
  { name: "cpp", label: "C++", version: "GCC 12" },
  { name: "java", label: "Java", version: "OpenJDK 17" },
];

export const problem = (status: number, detail: string, changes: Partial<ProblemJson> = {}): ProblemJson => ({
  type: "about:blank",
  title: String(status),
  status,
  detail,
  errors: [],
  ...changes,
});
export type ProblemJson = { type: string; title: string; status: number; detail: string; errors: Problem["fields"] };

const FIVE_MINUTES = 5 * MINUTE;

/** Waits that rise and fall over the hour, as a burst makes them. */
export function waits(longest: number[]): Overview["waits"] {
  const begin = Math.floor(opened / FIVE_MINUTES) * FIVE_MINUTES - 12 * FIVE_MINUTES;
  const wait = (seconds: number) =>
    seconds === 0
      ? { started: 0, median_seconds: null, longest_seconds: null }
      : {
          started: Math.ceil(seconds * 2),
          median_seconds: Math.round(seconds * 4) / 10,
          longest_seconds: seconds,
        };
  return Array.from({ length: 13 }, (_, number) => ({
    begins_at: new Date(begin + number * FIVE_MINUTES).toISOString(),
    queues: { submit: wait(longest[number] ?? 0), run: wait(Math.round((longest[number] ?? 0) * 14) / 10) },
  }));
}

export function overview(changes: Partial<Overview> = {}): Overview {
  return {
    queues: {
      submit: { length: 2, oldest_seconds: 3.1, estimated_wait_seconds: 4 },
      run: { length: 5, oldest_seconds: 6.4, estimated_wait_seconds: 9.5 },
    },
    slots: [
      { number: 1, held: true, submission_id: id(0x3f), retired: false, judge: "judge0" },
      { number: 2, held: true, submission_id: id(0xa2), retired: false, judge: "judge0" },
      { number: 3, held: false, submission_id: null, retired: false, judge: "judge0" },
    ],
    judge: { state: "closed", since: ago(0) },
    judges: [{ name: "judge0", state: "closed", slots: 3 }],
    waits: waits([0.4, 1.2, 2.1, 3.4, 12.6, 9.1, 4.2, 2, 1.1, 0, 2.4, 5.5, 3.8]),
    statuses: { queued: 7, processing: 2, completed: 1834, failed: 0, cancelled: 12, superseded: 96 },
    ...changes,
  };
}

export const emptyOverview = overview({
  queues: {
    submit: { length: 0, oldest_seconds: null, estimated_wait_seconds: 0 },
    run: { length: 0, oldest_seconds: null, estimated_wait_seconds: 0 },
  },
  slots: [1, 2, 3].map((number) => ({ number, held: false, submission_id: null, retired: false, judge: "judge0" })),
  waits: waits([]),
  statuses: { queued: 0, processing: 0, completed: 0, failed: 0, cancelled: 0, superseded: 0 },
});

export const awayOverview = overview({
  queues: {
    submit: { length: 41, oldest_seconds: 187.2, estimated_wait_seconds: 96 },
    run: { length: 18, oldest_seconds: 171.9, estimated_wait_seconds: 140 },
  },
  slots: [
    { number: 1, held: false, submission_id: null, retired: false, judge: "judge0" },
    { number: 2, held: false, submission_id: null, retired: false, judge: "judge0" },
    { number: 3, held: true, submission_id: id(0xa2), retired: true, judge: "judge0" },
  ],
  judge: { state: "open", since: ago(3.2 * MINUTE) },
  judges: [{ name: "judge0", state: "open", slots: 2 }],
  waits: waits([0.4, 1.2, 2.1, 3.4, 2.6, 1.1, 4.2, 2, 1.1, 0, 22.4, 95.5, 0]),
  statuses: { queued: 59, processing: 0, completed: 1834, failed: 3, cancelled: 12, superseded: 96 },
});

/** Three judges, of which one is away; a fourth has left, and what it has in hand is finished. */
export const severalJudges = overview({
  slots: [
    { number: 1, held: true, submission_id: id(0x3f), retired: false, judge: "10.10.0.2:2358" },
    { number: 2, held: true, submission_id: id(0xa2), retired: false, judge: "10.10.0.2:2358" },
    { number: 3, held: true, submission_id: id(0xa3), retired: false, judge: "10.10.0.3:2358" },
    { number: 4, held: false, submission_id: null, retired: false, judge: "10.10.0.4:2358" },
    { number: 5, held: true, submission_id: id(0xa5), retired: true, judge: "10.10.0.5:2358" },
  ],
  judges: [
    { name: "10.10.0.2:2358", state: "closed", slots: 2 },
    { name: "10.10.0.3:2358", state: "closed", slots: 1 },
    { name: "10.10.0.4:2358", state: "open", slots: 1 },
  ],
});

export function health(status: Health["status"], from: Overview): Health {
  const usable = from.slots.filter((slot) => !slot.retired).length;
  return {
    status,
    queue_length: Object.values(from.queues).reduce((sum, queue) => sum + queue.length, 0),
    processing: from.slots.filter((slot) => slot.held).length,
    max_concurrent: usable,
    uptime: 12_345,
    queues: from.queues,
    judge: from.judge,
    judges: from.judges,
    version: "0.1.0",
  };
}

export function line(number: number, changes: Partial<SubmissionLine> = {}): SubmissionLine {
  return {
    submission_id: id(number),
    status: "completed",
    run_type: "submit",
    exam_id: "sample",
    attempt_id: "sample-alice",
    student: "alice",
    question_id: "two-numbers",
    language: "python",
    verdict: "accepted",
    score: 100,
    points: 100,
    created_at: ago(number * MINUTE),
    finished_at: ago(number * MINUTE - 3000),
    failure: null,
    ...changes,
  };
}

const unjudged = { status: "failed", verdict: null, score: null } as const;

export const failedLines = [
  line(0x11, { ...unjudged, student: "bob", attempt_id: "sample-bob", failure: "The judge gave no answer for 30 s." }),
  line(0x12, {
    ...unjudged,
    student: "a-student-with-a-very-long-identifier@university.example",
    attempt_id: "sample-2026-winter-programming-1-a-student-with-a-long-name",
    language: "cpp",
    failure: "Its judging died 5 times.",
  }),
  line(0x13, { ...unjudged, run_type: "run", question_id: "palindrome", failure: null }),
];

export const foundLines = [
  line(1),
  line(4, { verdict: "wrong_answer", score: 60 }),
  line(9, { verdict: "compilation_error", score: 0, language: "cpp" }),
  line(12, { status: "superseded", run_type: "run", verdict: null, score: null }),
];
