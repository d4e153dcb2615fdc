import { focusManager, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { Link, useLocation, useSearch } from "wouter";
import { whenRefused } from "../api/call";
import { sessionQuery } from "../api/session";
import { BASE, signInPath, standingOf, whyLost } from "../model/session";
import type { Reason, Refusal, User } from "../model/session";
import { Dialog } from "../ui/Dialog";
import { Icon } from "../ui/Icon";
import { losesNothing, watchTyping } from "../ui/leaving";
import { useNow } from "../ui/parts";
import { readAgain } from "./again";
import { goToSignIn } from "./session";

const TICK_MS = 10_000;

/**
 * Shows the sign-in page when there is no session any more. Where something unsaved would be lost with the page, it says
 * so instead. Before a session ends it says that too.
 */
export function SessionWatch() {
  const queries = useQueryClient();
  const session = useQuery(sessionQuery).data;
  const user = session?.user ?? null;
  const known = useRef<User | null>(null);
  useEffect(() => {
    if (user !== null) known.current = user;
  }, [user]);

  useEffect(() => watchTyping(), []);

  const [stays, setStays] = useState<Stay | null>(null);
  const lose = (refusal: Refusal): void => {
    const reason = whyLost(refusal, known.current, Date.now());
    if (losesNothing()) goToSignIn(queries, signInPath(window.location, reason));
    else setStays((before) => ({ reason: before?.reason ?? reason, isSaid: false }));
  };
  const latest = useRef(lose);
  latest.current = lose;
  useEffect(() => whenRefused((refusal) => latest.current(refusal)), []);
  const isMissing = session !== undefined && session.isRequired && user === null;
  useEffect(() => {
    if (isMissing) latest.current("missing");
  }, [isMissing]);
  const isStaying = stays !== null;
  useEffect(() => {
    if (!isStaying) return;
    // Nothing is asked meanwhile, but whether somebody has signed in.
    focusManager.setFocused(false);
    const look = (): void => {
      if (document.hidden) return;
      const goOn = ({ isRequired, user }: { isRequired: boolean; user: User | null }): void => {
        if (isRequired && user === null) return;
        setStays(null);
        readAgain(queries);
      };
      queries.fetchQuery({ ...sessionQuery, staleTime: 0 }).then(goOn, () => {});
    };
    window.addEventListener("focus", look);
    document.addEventListener("visibilitychange", look);
    return () => {
      window.removeEventListener("focus", look);
      document.removeEventListener("visibilitychange", look);
      focusManager.setFocused(undefined);
    };
  }, [isStaying, queries]);

  if (stays !== null) return <StayNote stays={stays} onSaid={() => setStays({ ...stays, isSaid: true })} />;
  return user === null ? null : <EndingNote user={user} />;
}

/** A page that stays without a session. */
interface Stay {
  readonly reason: Reason | null;
  /** Whether somebody has read it; it is said again if they go on nevertheless. */
  readonly isSaid: boolean;
}

/** What is typed here stays here. A window says so: it is above others that are open, which let nothing else be clicked. */
function StayNote({ stays, onSaid }: { stays: Stay; onSaid: () => void }) {
  const title = stays.reason === "ended" ? "Your session has ended" : "You are not signed in any more";
  const signIn = (
    <a className="button is-main" href={BASE + signInPath(null, null)} target="_blank" rel="noreferrer">
      Sign in
    </a>
  );
  return (
    <>
      <div className="note tone-warn session-note">
        <Icon name="warning" />
        <div>
          <strong>{title}</strong>
          <p>Sign in in another tab, and go on here.</p>
        </div>
        {signIn}
      </div>
      {!stays.isSaid && (
        <Dialog title={title} onClose={onSaid}>
          <p>What you have typed here is not saved, so this page stays. Sign in in another tab, and go on here.</p>
          <div className="actions">
            <span className="space" />
            <button type="button" className="button" onClick={onSaid}>
              Close
            </button>
            {signIn}
          </div>
        </Dialog>
      )}
    </>
  );
}

/** Says that a session ends soon, in time to begin another one. */
function EndingNote({ user }: { user: User }) {
  const queries = useQueryClient();
  const standing = standingOf(user, useNow(TICK_MS));
  // The way back is to where one is by then.
  useLocation();
  useSearch();
  useEffect(() => {
    if (standing.kind === "ended") readAgain(queries, sessionQuery.queryKey);
  }, [standing.kind, queries]);
  if (standing.kind === "fine") return null;
  return (
    <div className="note tone-warn session-note" role="status">
      <Icon name="clock" />
      <div>
        <strong>{standing.kind === "ended" ? "Your session has ended" : `Your session ends in ${standing.minutes === 1 ? "a minute" : `${standing.minutes} minutes`}`}</strong>
        <p>Sign in again to go on.</p>
      </div>
      <Link className="button" href={signInPath(window.location, null)}>
        Sign in again
      </Link>
    </div>
  );
}
