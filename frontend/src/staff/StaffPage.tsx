import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useEffect, useMemo, useRef } from "react";
import { RunCodeClient } from "../package";
import { LocalBanner, SignedOut, SignIn } from "../shared/SignIn";
import { type Session, subjectOf } from "../shared/session";
import { useSession } from "../shared/use-session";
import { staff } from "../strings";
import { Supervisor } from "./Supervisor";

/** The supervisor's page: for tokens of the role `instructor`. */
export function StaffPage() {
  const { service, lost, findAgain, session, signIn, signOut } = useSession("staff", "../");
  if (lost) {
    return (
      <main className="page-face">
        <h1>{staff.lost.title}</h1>
        <p>{staff.lost.sentence}</p>
        <button type="button" className="page-button" onClick={findAgain}>
          {staff.lost.button}
        </button>
      </main>
    );
  }
  if (service === null) return null;
  return (
    <>
      {service.local !== null && <LocalBanner />}
      {session === null ? (
        <SignIn kind="staff" local={service.local} onSignIn={signIn} />
      ) : (
        <SignedIn key={subjectOf(session.token)} url={service.url} {...{ session, signIn, signOut }} />
      )}
    </>
  );
}

interface SignedInProps {
  url: string;
  session: Session;
  signIn: (session: Session) => void;
  signOut: () => void;
}

/** One instructor's: what was seen for one is not kept for the next. A new token of the same one goes on. */
function SignedIn({ url, session, signIn, signOut }: SignedInProps) {
  const token = useRef(session.token);
  token.current = session.token;
  const client = useMemo(() => new RunCodeClient({ url, token: () => token.current }), [url]);
  const queries = useMemo(() => new QueryClient(), []);
  // biome-ignore lint/correctness/useExhaustiveDependencies: with a new token what was refused may be asked again.
  useEffect(() => {
    queries.invalidateQueries();
  }, [queries, session.token]);
  return (
    <QueryClientProvider client={queries}>
      <Supervisor
        client={client}
        onSignOut={signOut}
        signedOut={<SignedOut kind="staff" session={session} onSignIn={signIn} />}
      />
    </QueryClientProvider>
  );
}
