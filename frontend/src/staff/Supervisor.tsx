import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useRef } from "react";
import { Problem, type RunCodeClient } from "../package";
import { ThemeSwitch } from "../shared/ThemeSwitch";
import { staff } from "../strings";
import { conditionOf, titleOf } from "./condition";
import { Failed } from "./Failed";
import { Find } from "./Find";
import { Now, Statuses } from "./Now";
import { useOverview, useSubmissions } from "./queries";
import { clock } from "./times";
import { WaitsPlot } from "./WaitsPlot";

const FAILED = { status: "failed" } as const;

interface SupervisorProps {
  client: RunCodeClient;
  onSignOut: () => void;
  /** Shown above all while the token is not accepted. */
  signedOut: ReactNode;
}

export function Supervisor({ client, onSignOut, signedOut }: SupervisorProps) {
  const seen = useOverview(client);
  const failed = useSubmissions(client, FAILED);
  const problem = seen.failureReason instanceof Problem ? seen.failureReason : null;
  const condition = conditionOf(seen.data?.health ?? null, problem, seen.fetchStatus === "paused");
  const seenAt = new Date(seen.dataUpdatedAt);

  // Their list costs a read for each; another number of them means that it is old.
  const failedInAll = seen.data?.overview.statuses.failed;
  const listedAt = useRef<number>(undefined);
  const refetchFailed = failed.refetch;
  useEffect(() => {
    if (listedAt.current !== undefined && listedAt.current !== failedInAll) refetchFailed();
    listedAt.current = failedInAll;
  }, [failedInAll, refetchFailed]);

  const listed = failed.data?.pages.reduce((sum, page) => sum + page.submissions.length, 0) ?? 0;
  const title = titleOf(condition, listed);
  useEffect(() => {
    document.title = title;
  }, [title]);

  const queries = useQueryClient();
  const lookAgain = useCallback(() => {
    queries.invalidateQueries();
  }, [queries]);

  if (problem?.status === 403) return <NotStaff onSignOut={onSignOut} />;
  return (
    <div className="staff-page">
      <header className="staff-header">
        <h1>{staff.heading}</h1>
        <div>
          <ThemeSwitch />
          <button type="button" className="page-button" onClick={onSignOut}>
            {staff.signOut}
          </button>
        </div>
      </header>
      <main>
        {problem?.status === 401 ? (
          signedOut
        ) : (
          <div className={`staff-condition staff-${condition.level}`}>
            <p role="status">{condition.sentence}</p>
            <p>{condition.level === "bad" ? staff.lookingAgain : staff.lookedAt(clock(seenAt, "seconds"))}</p>
          </div>
        )}
        {seen.data !== undefined && condition.level === "bad" && (
          <p className="staff-muted">{staff.old(clock(seenAt, "seconds"))}</p>
        )}
        {seen.data !== undefined && (
          <>
            <Now overview={seen.data.overview} seenAt={seenAt} />
            <Failed client={client} list={failed} onChange={lookAgain} />
            <WaitsPlot overview={seen.data.overview} />
            <Statuses statuses={seen.data.overview.statuses} />
            <Find client={client} />
            <p className="staff-muted staff-service">
              {staff.service(seen.data.health.version, staff.duration(seen.data.health.uptime))}
            </p>
          </>
        )}
      </main>
    </div>
  );
}

function NotStaff({ onSignOut }: { onSignOut: () => void }) {
  return (
    <main className="page-face">
      <h1>{staff.notStaff.title}</h1>
      <p role="status">{staff.notStaff.sentence}</p>
      <button type="button" className="page-button page-button-primary" onClick={onSignOut}>
        {staff.notStaff.button}
      </button>
    </main>
  );
}
