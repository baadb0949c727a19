import { QueryClient, QueryClientContext, QueryClientProvider } from "@tanstack/react-query";
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import type { RunCodeClient } from "./client";
import { Outbox } from "./sending";

/** The first part of every query's key. */
export const ROOT = "run-code";

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
  const content = <RunCodeContext value={value}>{children}</RunCodeContext>;
  return hosts === undefined ? <QueryClientProvider client={own}>{content}</QueryClientProvider> : content;
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
