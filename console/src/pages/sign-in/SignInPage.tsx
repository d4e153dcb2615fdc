import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";
import type { ReactNode } from "react";
import { Link, useLocation, useSearch } from "wouter";
import { ApiError, signIn } from "../../api/call";
import { sessionQuery } from "../../api/session";
import { isEditor, nextOf, reasonOf } from "../../model/session";
import type { Reason, Session } from "../../model/session";
import { Icon } from "../../ui/Icon";
import { ErrorNote, Time, useTitle } from "../../ui/parts";
import "../../styles/sign-in.css";

const REASON_TEXT: Readonly<Record<Reason, string>> = {
  ended: "Your session has ended",
  key: "Your access key is not taken any more",
  out: "You are signed out",
};

/** What the server says of an id that it does not know and of a wrong secret alike. */
const WRONG_KEY = "UnrecognizedClientException";

/** Asks for an access key, and leads back to where somebody was. */
export default function SignInPage() {
  useTitle("Sign in");
  const queries = useQueryClient();
  const [, navigate] = useLocation();
  const given = new URLSearchParams(useSearch());
  const next = nextOf(given.get("next"));
  const reason = reasonOf(given.get("reason"));
  const session = useQuery({ ...sessionQuery, refetchOnMount: "always" });
  const form = useRef<HTMLFormElement>(null);
  // The fields are read as they are sent: nothing of the page keeps a secret.
  const signing = useMutation({
    mutationFn: async () => {
      const fields = new FormData(form.current ?? undefined);
      await signIn(String(fields.get("username") ?? "").trim(), String(fields.get("password") ?? "").trim());
    },
    onSuccess: () => {
      queries.clear();
      navigate(next, { replace: true });
    },
  });
  const problem = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (signing.error !== null) problem.current?.focus();
  }, [signing.error]);
  const isWrong = signing.error instanceof ApiError && signing.error.code === WRONG_KEY;
  return (
    <main className="sign-in">
      <div className="sign-in-window">
        <svg width="34" height="34" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="7" fill="var(--accent)" />
          <path d="M6 8h20v4h-4v4h-4v4h-4v4H6" fill="none" stroke="var(--accent-ink)" strokeWidth="2.6" strokeLinejoin="round" strokeLinecap="round" />
        </svg>
        <div>
          <h1>Sign in to Stepwell</h1>
          <p className="quiet">{window.location.host}</p>
        </div>
        {signing.error !== null && (
          <div id="sign-in-problem" className="note tone-bad" role="alert" tabIndex={-1} ref={problem}>
            <Icon name="cross" />
            <div>
              <strong>{problemTitle(signing.error)}</strong>
              <p>{signing.error.message}</p>
            </div>
          </div>
        )}
        {signing.error === null && <Standing reason={reason} next={next} session={session.data} />}
        {signing.error === null && session.error && <ErrorNote error={session.error} onRetry={() => void session.refetch()} />}
        {session.data?.isRequired !== false && (
          <form
            ref={form}
            className="form"
            // Never as a part of an address, even if no script sees it go.
            method="post"
            aria-describedby="sign-in-keys"
            onSubmit={(event) => {
              event.preventDefault();
              if (!signing.isPending) signing.mutate();
            }}
          >
            <label>
              Access key id
              <input
                type="text"
                name="username"
                autoComplete="username"
                autoCapitalize="off"
                autoCorrect="off"
                spellCheck={false}
                autoFocus
                required
                aria-invalid={isWrong}
                aria-describedby={isWrong ? "sign-in-problem" : undefined}
              />
            </label>
            <label>
              Secret access key
              <input type="password" name="password" autoComplete="current-password" required aria-invalid={isWrong} aria-describedby={isWrong ? "sign-in-problem" : undefined} />
            </label>
            <button type="submit" className="button is-main" aria-disabled={signing.isPending}>
              {signing.isPending && <Icon name="running" size={13} />}
              {signing.isPending ? "Signing in" : "Sign in"}
            </button>
            <p id="sign-in-keys" className="quiet">
              With an access key of the file that the server was given by <code>--access-keys</code>: the same that SDKs and the command line take as <code>AWS_ACCESS_KEY_ID</code> and{" "}
              <code>AWS_SECRET_ACCESS_KEY</code>.
            </p>
          </form>
        )}
      </div>
    </main>
  );
}

function problemTitle(error: Error): string {
  if (!(error instanceof ApiError)) return "Not signed in";
  if (error.code === WRONG_KEY) return "Not signed in: the key is refused";
  if (error.status === 429) return "Not signed in: too many attempts";
  return `Not signed in: ${error.code}`;
}

/** Why somebody is here, and who is signed in already. */
function Standing({ reason, next, session }: { reason: Reason | null; next: string; session: Session | undefined }) {
  if (session?.isRequired === false) {
    return (
      <Note next={next}>
        <strong>Nobody needs to sign in</strong>
        <p>
          This server answers whoever reaches it: it was started without <code>--access-keys</code>.
        </p>
      </Note>
    );
  }
  const user = session?.user ?? null;
  if (user !== null) {
    return (
      <Note next={next}>
        <strong>You are signed in as {user.name}</strong>
        <p>
          The session ends <Time at={user.endsAt} />. Signing in begins a new one.
        </p>
      </Note>
    );
  }
  if (reason === null) return null;
  return (
    <Note next={null}>
      <strong>{REASON_TEXT[reason]}</strong>
      {next !== "/" && <p>Sign in to go on where you were.{isEditor(next) ? " What you had not saved is kept as a draft." : ""}</p>}
    </Note>
  );
}

function Note({ next, children }: { next: string | null; children: ReactNode }) {
  return (
    <div className="note tone-busy" role="status">
      <Icon name="user" />
      <div>{children}</div>
      {next !== null && (
        <Link className="button" href={next} replace>
          Go on
        </Link>
      )}
    </div>
  );
}
