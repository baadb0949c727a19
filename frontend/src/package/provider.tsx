import { QueryClient, QueryClientContext, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import type { RunCodeClient } from "./client";
import { Outbox } from "./sending";
import { sinceClockZero, timings } from "./timings";

/** The first part of every query's key. */
export const ROOT = "run-code";

/** The key of every attempt's query. */
export function attemptsKey(scope: string) {
  return [ROOT, scope, "attempt"];
}

interface RunCode {
  client: RunCodeClient;
  outbox: Outbox;
  scope: string;
}

const RunCodeContext = createContext<RunCode | null>(null);

export interface RunCodeProviderProps {
  client: RunCodeClient;
  /** The student's id: keeps two students of one browser apart. */
  scope: string;
  children: ReactNode;
}

/** Around everything else of the package. Brings its own QueryClient, unless the host page has one. */
export function RunCodeProvider({ client, scope, children }: RunCodeProviderProps) {
  const hosts = useContext(QueryClientContext);
  const [own] = useState(() => new QueryClient());
  const queryClient = hosts ?? own;
  const value = useMemo(() => ({ client, scope, outbox: new Outbox(client, scope) }), [client, scope]);
  useEffect(() => value.outbox.start(), [value]);
  useEffect(
    () =>
      client.onSignedIn(() => {
        queryClient.invalidateQueries({ queryKey: [ROOT, scope], predicate: ({ state }) => state.status === "error" });
      }),
    [client, queryClient, scope],
  );
  // The clock was set, or the machine slept: an answer tells how late it is. Until then the monotonic clock counts.
  useEffect(
    () => onClockStep(() => queryClient.invalidateQueries({ queryKey: attemptsKey(scope) })),
    [queryClient, scope],
  );
  const content = <RunCodeContext value={value}>{children}</RunCodeContext>;
  return hosts === undefined ? <QueryClientProvider client={own}>{content}</QueryClientProvider> : content;
}

/** Calls the listener when this machine's clock and the monotonic one have come apart, until it is stopped. */
function onClockStep(listener: () => void): () => void {
  let before = sinceClockZero();
  const compare = () => {
    const now = sinceClockZero();
    if (Math.abs(now - before) <= timings.clockNoise) return;
    before = now;
    listener();
  };
  const timer = setInterval(compare, timings.clock);
  document.addEventListener("visibilitychange", compare);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", compare);
  };
}

/** What the provider holds. Throws outside of it. */
export function useRunCode(): RunCode {
  const value = useContext(RunCodeContext);
  if (value === null) throw new Error("RunCodeProvider is missing around this component");
  return value;
}

export function useClient(): RunCodeClient {
  return useRunCode().client;
}

/** What was pressed and not answered yet, of every question: `hasUnsent`, `clearAnswered`, `subscribe`. */
export function useOutbox(): Outbox {
  return useRunCode().outbox;
}
