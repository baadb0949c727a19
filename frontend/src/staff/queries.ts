/** What the supervisor's page asks for, over TanStack Query: nothing is asked while the page is hidden or offline. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type Health, type Overview, Problem, type RunCodeClient, type SubmissionFilter } from "../package";
import { again, timings } from "../package/timings";

const LOOK_EVERY = 5000;

export interface Seen {
  overview: Overview;
  health: Health;
}

export type Filter = Omit<SubmissionFilter, "page_token">;

/** Milliseconds until it may go; null where the service would refuse it again. */
function againAfter(failures: number, error: Error): number | null {
  return error instanceof Problem ? (again(timings, error, failures, Math.random)?.ms ?? null) : null;
}

const patiently = {
  retry: (failures: number, error: Error) => againAfter(failures + 1, error) !== null,
  retryDelay: (failures: number, error: Error) => againAfter(failures + 1, error) ?? 0,
};

export function useOverview(client: RunCodeClient) {
  return useQuery({
    queryKey: ["overview"],
    queryFn: async (): Promise<Seen> => {
      const [overview, health] = await Promise.all([client.overview(), client.health()]);
      return { overview, health };
    },
    refetchInterval: ({ state }) => (state.error === null ? LOOK_EVERY : false),
    ...patiently,
  });
}

/** Pages of submissions, newest first; none are asked for while the filter is null. */
export function useSubmissions(client: RunCodeClient, filter: Filter | null) {
  return useInfiniteQuery({
    queryKey: ["submissions", filter],
    queryFn: ({ pageParam }) => client.submissions({ ...filter, ...(pageParam !== null && { page_token: pageParam }) }),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_page_token,
    enabled: filter !== null,
    ...patiently,
  });
}
