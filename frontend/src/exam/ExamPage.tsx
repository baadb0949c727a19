import { onlineManager, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { Problem, RunCodeClient, RunCodeProvider, useAttempt } from "../package";
import { LocalBanner, SignedOut, SignIn } from "../shared/SignIn";
import { type Session, subjectOf } from "../shared/session";
import { useSession } from "../shared/use-session";
import { signIn as signInWords, exam as words } from "../strings";
import { Face } from "./Boundary";
import { CodeStore } from "./code-store";
import { Exam } from "./Exam";
import { useLeaving } from "./Leaving";
import { useOnline } from "./use-online";

/** Between two looks at the attempt: staff may give more time. */
const ATTEMPT_AGAIN = 120_000;
/** Between two looks at an exam that has not begun. */
const BEGUN_AGAIN = 15_000;

/** The student's page. */
export function ExamPage(): ReactNode {
  const { service, lost, findAgain, session, signIn, signOut } = useSession("student", "./");
  useEffect(() => {
    if (!session) document.title = words.titles.page;
  }, [session]);

  if (lost) {
    return (
      <Face title={words.faces.lost} more={words.faces.lostMore}>
        <AgainButton onClick={findAgain} />
      </Face>
    );
  }
  if (!service) return null;
  return (
    <div className="exam-page">
      {service.local && <LocalBanner />}
      {session?.attemptId ? (
        <SignedIn
          key={`${subjectOf(session.token)} ${session.attemptId}`}
          {...{ url: service.url, session, signIn, signOut }}
        />
      ) : (
        <SignIn kind="student" local={service.local} token={session?.token ?? ""} onSignIn={signIn} />
      )}
    </div>
  );
}

interface SignedInProps {
  url: string;
  session: Session;
  signIn: (session: Session) => void;
  signOut: () => void;
}

/** One student at one attempt. A new token of the same student goes on where the old one ended. */
function SignedIn({ url, session, signIn, signOut }: SignedInProps): ReactNode {
  const student = subjectOf(session.token) ?? "";
  const token = useRef(session.token);
  token.current = session.token;
  const [refused, setRefused] = useState<string | null>(null);
  const client = useMemo(() => {
    const noticing: typeof fetch = async (input, init) => {
      const used = token.current;
      const answer = await fetch(input, init);
      // Only the service's own word: a proxy in between may ask for its own password.
      if (answer.status === 401 && isProblem(answer)) setRefused(used);
      return answer;
    };
    return new RunCodeClient({ url, token: () => token.current, fetch: noticing });
  }, [url]);
  const queries = useMemo(() => new QueryClient(), []);
  // While nobody is signed in nothing listens to the network, which may be back.
  useEffect(() => onlineManager.setOnline(navigator.onLine), []);
  const mounted = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: with each new token, though it is read through the ref.
  useEffect(() => {
    if (mounted.current) client.signedIn();
    mounted.current = true;
  }, [client, session.token]);

  return (
    <QueryClientProvider client={queries}>
      <RunCodeProvider client={client} scope={student}>
        {refused === session.token && <SignedOut kind="student" session={session} onSignIn={signIn} />}
        <Attempted attemptId={session.attemptId} student={student} client={client} onSignOut={signOut} />
      </RunCodeProvider>
    </QueryClientProvider>
  );
}

function isProblem(answer: Response): boolean {
  return answer.headers.get("Content-Type")?.startsWith("application/problem+json") ?? false;
}

interface OpenedProps {
  attemptId: string;
  student: string;
  client: RunCodeClient;
  onSignOut: () => void;
}

function Attempted({ onSignOut, ...props }: OpenedProps): ReactNode {
  const { leave, question } = useLeaving(onSignOut);
  return (
    <>
      {question}
      <Opened {...props} onSignOut={leave} />
    </>
  );
}

function Opened({ attemptId, student, client, onSignOut }: OpenedProps): ReactNode {
  const { data, error, failureReason, refetch } = useAttempt(attemptId);
  const online = useOnline();
  const [store] = useState(() => new CodeStore());
  useEffect(() => store.clean(Date.now()), [store]);

  const notBegun = error instanceof Problem && error.status === 403 && /not begun/i.test(error.detail);
  useEffect(() => {
    const look = () => {
      if (!document.hidden) refetch();
    };
    if (!data && !notBegun) return;
    const timer = setInterval(look, notBegun ? BEGUN_AGAIN : ATTEMPT_AGAIN);
    return () => clearInterval(timer);
  }, [data, notBegun, refetch]);

  if (data && !notBegun) {
    return (
      <Exam
        attempt={data}
        student={student}
        store={store}
        closesAt={data.exam.closes_at === null ? null : client.localTime(data.exam.closes_at)}
        trouble={!online ? "offline" : isAway(failureReason) ? "unreachable" : null}
        onSignOut={onSignOut}
      />
    );
  }
  const problem = error ?? failureReason;
  const { faces } = words;
  const again = <AgainButton onClick={() => refetch()} />;
  const leave = (
    <button type="button" className="page-button" onClick={onSignOut}>
      {faces.signOut}
    </button>
  );
  if (notBegun) {
    return (
      <Face title={faces.notBegun} more={faces.notBegunMore}>
        {again}
        {leave}
      </Face>
    );
  }
  if (!online) return <Face title={faces.away} more={words.offline} />;
  if (!(problem instanceof Problem)) return <Face title={words.loading} />;
  switch (problem.status) {
    case 401:
      return <Face title={signInWords.signedOut}>{leave}</Face>;
    case 403:
      return /another student/i.test(problem.detail) ? (
        <Face title={faces.otherStudents} more={faces.otherStudentsMore}>
          {leave}
        </Face>
      ) : (
        <Face title={faces.refused} more={problem.detail}>
          {again}
          {leave}
        </Face>
      );
    case 404:
      return (
        <Face title={faces.unknownAttempt} more={faces.unknownAttemptMore(attemptId)}>
          {leave}
        </Face>
      );
    default:
      return isAway(problem) ? (
        <Face title={faces.away} more={faces.awayMore}>
          {again}
        </Face>
      ) : (
        <Face title={faces.refused} more={problem.detail}>
          {again}
          {leave}
        </Face>
      );
  }
}

function isAway(problem: Error | null): boolean {
  return problem instanceof Problem && (problem.status === 0 || problem.status === 429 || problem.status >= 500);
}

function AgainButton({ onClick }: { onClick: () => void }): ReactNode {
  return (
    <button type="button" className="page-button page-button-primary" onClick={onClick}>
      {words.faces.again}
    </button>
  );
}
