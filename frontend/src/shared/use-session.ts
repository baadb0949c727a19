import { useCallback, useEffect, useState } from "react";
import { currentSession, findService, type Kind, type Service, type Session, storeSession } from "./session";

export interface UseSession {
  /** Null until it is known. */
  service: Service | null;
  /** The page does not know its service; `findAgain` looks once more. */
  lost: boolean;
  findAgain: () => void;
  session: Session | null;
  signIn: (session: Session) => void;
  signOut: () => void;
}

/** `root` leads from the page to the site's root, where the local stack's `local.json` lies. */
export function useSession(kind: Kind, root: string): UseSession {
  const [session, setSession] = useState(() => currentSession(kind));
  const [service, setService] = useState<Service | null>(null);
  const [lost, setLost] = useState(false);

  const findAgain = useCallback(() => {
    setLost(false);
    findService(root).then(setService, () => setLost(true));
  }, [root]);
  useEffect(findAgain, [findAgain]);

  // An exam platform may link into a page that is open already.
  useEffect(() => {
    const onLink = () => setSession(currentSession(kind));
    window.addEventListener("hashchange", onLink);
    return () => window.removeEventListener("hashchange", onLink);
  }, [kind]);

  const signIn = useCallback(
    (next: Session) => {
      storeSession(kind, next);
      setSession(next);
    },
    [kind],
  );
  const signOut = useCallback(() => {
    storeSession(kind, null);
    setSession(null);
  }, [kind]);

  return { service, lost, findAgain, session, signIn, signOut };
}
