import type { Meta, StoryObj } from "@storybook/react-vite";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { Health, Overview, SubmissionLine } from "../src/package";
import { SignedOut, SignIn } from "../src/shared/SignIn";
import { Supervisor } from "../src/staff/Supervisor";
import {
  awayOverview,
  emptyOverview,
  failedLines,
  foundLines,
  health,
  overview,
  problem,
  severalJudges,
} from "./fixtures";
import { type Scripted, scriptedClient } from "./service";
import "../src/staff/styles.css";

const session = { token: "token", attemptId: "" };

const meta: Meta = { title: "Staff/Page", parameters: { layout: "fullscreen" } };
export default meta;

/** The page over a service that answers so. */
function page(script: Record<string, Scripted>): StoryObj {
  return {
    render: () => (
      <QueryClientProvider client={new QueryClient()}>
        <Supervisor
          client={scriptedClient(script)}
          onSignOut={() => {}}
          signedOut={<SignedOut kind="staff" session={session} onSignIn={() => {}} />}
        />
      </QueryClientProvider>
    ),
  };
}

const list = (submissions: SubmissionLine[], next_page_token: string | null = null) => ({
  submissions,
  next_page_token,
});

function seen(status: Health["status"], shown: Overview, failed: SubmissionLine[] = []): Record<string, Scripted> {
  return {
    "GET /overview": shown,
    "GET /health": health(status, shown),
    "GET /submissions": list(foundLines, "more"),
    "GET /submissions?status=failed": list(failed),
  };
}

export const Healthy = page(seen("healthy", overview()));
export const Empty = page(seen("healthy", emptyOverview));
export const JudgeAway = page(seen("degraded", awayOverview, failedLines));
export const JudgeBeingTried = page(
  seen("degraded", overview({ judge: { ...awayOverview.judge, state: "half_open" } })),
);
export const SeveralJudges = page(seen("degraded", severalJudges));
export const LongWait = page(seen("degraded", overview({ queues: awayOverview.queues, waits: awayOverview.waits })));
export const Failed = page(
  seen("healthy", overview({ statuses: { ...overview().statuses, failed: failedLines.length } }), failedLines),
);
export const DatabaseAway = page({
  ...seen("unhealthy", overview()),
  "GET /overview": problem(503, "The database cannot be reached. Try again in a moment."),
});
export const NoAnswer = page({ "GET /overview": "never", "GET /health": "never" });
export const SignedOutMeanwhile = page({
  ...seen("healthy", overview()),
  "GET /overview": problem(401, "The token is expired."),
});
export const NotForStudents = page({
  ...seen("healthy", overview()),
  "GET /overview": problem(403, "This is for staff."),
  "GET /submissions?status=failed": problem(403, "This is for staff."),
});

export const SignInOnAnExam: StoryObj = {
  render: () => <SignIn kind="staff" local={null} onSignIn={() => {}} />,
};
export const SignInOnTheLocalStack: StoryObj = {
  render: () => (
    <SignIn
      kind="staff"
      local={{ url: "http://127.0.0.1:8080", students: [], staff: { name: "teacher", token: "token" } }}
      onSignIn={() => {}}
    />
  ),
};
