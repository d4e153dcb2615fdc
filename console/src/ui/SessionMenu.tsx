import { useEffect, useRef, useState } from "react";
import { Link, useLocation, useSearch } from "wouter";
import type { SigningOut } from "../live/session";
import { signInPath } from "../model/session";
import type { User } from "../model/session";
import { Icon } from "./Icon";
import { leave } from "./leaving";
import { Arn, ErrorNote, Time } from "./parts";

/** Who is signed in, and the way out. */
export function SessionMenu({ user, signingOut }: { user: User; signingOut: SigningOut }) {
  const [isChosen, setChosen] = useState(false);
  // An error is shown even if it was the palette that has signed out.
  const isOpen = isChosen || signingOut.error !== null;
  const place = useRef<HTMLDivElement>(null);
  const close = useRef(() => {});
  close.current = () => {
    setChosen(false);
    if (signingOut.error !== null) signingOut.reset();
  };
  useLocation();
  useSearch();
  useEffect(() => {
    if (!isOpen) return;
    const onDown = (event: Event): void => {
      if (!place.current?.contains(event.target as Node)) close.current();
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      close.current();
      place.current?.querySelector("button")?.focus();
    };
    window.addEventListener("pointerdown", onDown);
    window.addEventListener("keydown", onKey);
    return () => {
      window.removeEventListener("pointerdown", onDown);
      window.removeEventListener("keydown", onKey);
    };
  }, [isOpen]);
  return (
    <div className="menu-place" ref={place}>
      <button
        type="button"
        className="button session-user"
        aria-expanded={isOpen}
        aria-label={`Signed in as ${user.name}`}
        title={user.arn}
        onClick={() => (isOpen ? close.current() : setChosen(true))}
      >
        <Icon name="user" size={14} />
        <span>{user.name}</span>
      </button>
      {isOpen && (
        <section className="menu session-menu" aria-label="Session">
          <p>
            Signed in as <strong>{user.name}</strong>
          </p>
          <Arn arn={user.arn} />
          <p className="quiet">
            The session ends <Time at={user.endsAt} />
          </p>
          {signingOut.error && <ErrorNote error={signingOut.error} />}
          <div className="actions">
            <Link className="button" href={signInPath(window.location, null)} onClick={() => close.current()}>
              Sign in again
            </Link>
            <span className="space" />
            <button type="button" className="button" disabled={signingOut.isPending} onClick={() => leave(() => signingOut.mutate())}>
              Sign out
            </button>
          </div>
        </section>
      )}
    </div>
  );
}
