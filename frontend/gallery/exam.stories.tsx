import type { Meta, StoryObj } from "@storybook/react-vite";
import { ExamPage } from "../src/exam/ExamPage";
import type { RunType, Submission } from "../src/package";
import {
  attempt,
  failed,
  freshAttempt,
  judgeAway,
  languages,
  longOutput,
  overAttempt,
  ownInput,
  problem,
  processing,
  question,
  run,
  submission,
  verdicts,
} from "./fixtures";
import { offline, pressed, type Scripted, served, signedIn } from "./service";
import "../src/exam/exam.css";

const meta: Meta = {
  title: "Exam/Page",
  parameters: { layout: "fullscreen" },
  render: () => <ExamPage />,
};
export default meta;

const local = {
  url: "https://service.example",
  students: ["alice", "bob", "carol"].map((name) => ({ name, attempt_id: `sample-${name}`, token: "token" })),
  staff: null,
};

const exam: Record<string, Scripted> = {
  "GET local.json": local,
  "GET /attempts/sample-alice": attempt(),
  "GET /questions/two-numbers": question,
  "GET /languages": languages,
  "GET /health": { status: "healthy" },
};

/** The page of a student who is signed in, and pressed the button if `runType` is given. */
function page(script: Record<string, Scripted>, runType: RunType | null = null, stdin?: string): StoryObj {
  return {
    beforeEach: () => {
      const stop = served({ ...exam, ...script });
      signedIn();
      if (runType !== null) pressed(runType, stdin);
      return stop;
    },
  };
}

/** The page after a press that the service answered with this. */
const answered = (is: Submission) =>
  page({ "POST /submissions": is, [`GET /submissions/${is.submission_id}`]: is }, is.run_type, is.stdin ?? undefined);

export const Fresh = page({ "GET /attempts/sample-alice": freshAttempt });
export const InBetween = page({});
export const Sending = page({ "POST /submissions": "later" }, "submit");
export const SendingAgain = page({ "POST /submissions": "never" }, "submit");
export const RateLimited = page({ "POST /submissions": problem(429, "At most 6 Submits a minute.") }, "submit");
export const Queued = answered(submission());
export const JudgeAway = answered(judgeAway);
export const Processing = answered(processing(3));
export const Accepted = answered(verdicts.accepted);
export const WrongAnswer = answered(verdicts.wrong_answer);
export const CompileError = answered({ ...verdicts.compilation_error, language: "python" });
export const LongOutput = answered(longOutput);
export const Run = answered(run);
export const OwnInput = answered(ownInput);
export const Failed = answered(failed);
export const Refused = page({ "POST /submissions": problem(422, "There is no code.") }, "submit");
export const AttemptOver = page({
  "GET /attempts/sample-alice": overAttempt,
  "POST /submissions": problem(403, "The exam has ended."),
});
export const SignedOut = page({ "POST /submissions": problem(401, "The token is expired.") }, "submit");
export const Offline: StoryObj = {
  beforeEach: () => {
    const stop = served(exam);
    signedIn();
    pressed("submit");
    const online = offline();
    return () => {
      online();
      stop();
    };
  },
};

export const Loading = page({ "GET /attempts/sample-alice": "later" });
export const NoAnswer = page({ "GET /attempts/sample-alice": "never" });
export const NotBegun = page({ "GET /attempts/sample-alice": problem(403, "The exam has not begun.") });
export const AnotherStudents = page({
  "GET /attempts/sample-alice": problem(403, "This attempt is another student's."),
});
export const UnknownAttempt = page({ "GET /attempts/sample-alice": problem(404, "There is no such attempt.") });

export const SignIn: StoryObj = { beforeEach: () => served({ "GET local.json": { ...local, students: [] } }) };
export const SignInOnTheLocalStack: StoryObj = { beforeEach: () => served(exam) };
export const WithoutAService: StoryObj = { beforeEach: () => served({}) };
