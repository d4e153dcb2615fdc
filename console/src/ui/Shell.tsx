import { Suspense, useEffect, useRef, useState } from "react";
import type { ReactNode } from "react";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { sessionQuery } from "../api/session";
import { useLive } from "../live/LiveProvider";
import { useSignOut } from "../live/session";
import { SessionWatch } from "../live/SessionWatch";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";
import type { IconName } from "./Icon";
import { isTyping, KEYS } from "./keys";
import { leave } from "./leaving";
import { Palette } from "./Palette";
import { Waiting } from "./parts";
import { SessionMenu } from "./SessionMenu";
import { applyTheme, chosenTheme, THEMES } from "./theme";
import type { Theme } from "./theme";
import { useCentred } from "./useCentred";

interface Place {
  readonly path: string;
  readonly label: string;
  readonly icon: IconName;
  readonly key: string;
}

const PLACES: readonly Place[] = [
  { path: "/machines", label: "State machines", icon: "machine", key: "m" },
  { path: "/executions", label: "Executions", icon: "list", key: "e" },
  { path: "/functions", label: "Functions", icon: "lambda", key: "f" },
];

/** What shows how it all does; they have a bar of their own while one of them is looked at. */
const OBSERVE: readonly Place[] = [
  { path: "/logs", label: "Logs", icon: "log", key: "l" },
  { path: "/traces", label: "Traces", icon: "trace", key: "t" },
  { path: "/service-map", label: "Service map", icon: "map", key: "s" },
  { path: "/alarms", label: "Alarms", icon: "alarm", key: "a" },
  { path: "/metrics", label: "Metrics", icon: "metric", key: "x" },
  { path: "/dashboards", label: "Dashboards", icon: "dashboard", key: "d" },
];

const ALL_PLACES: readonly Place[] = [...PLACES, ...OBSERVE];

/** A second key of `g m` must follow within this time. */
const SEQUENCE_MS = 1_200;

const THEME_LOOK: Readonly<Record<Theme, { icon: IconName; label: string }>> = {
  system: { icon: "screen", label: "Theme: as the machine" },
  light: { icon: "sun", label: "Theme: light" },
  dark: { icon: "moon", label: "Theme: dark" },
};

/** What is around every page: where it is, where else to go, and keys that work everywhere. */
export function Shell({ children }: { children: ReactNode }) {
  const [location, navigate] = useLocation();
  const [shows, setShows] = useState<"palette" | "keys" | null>(null);
  const [theme, setTheme] = useState(chosenTheme);
  const nextTheme = (): void => {
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "system";
    applyTheme(next);
    setTheme(next);
  };
  const user = useQuery(sessionQuery).data?.user ?? null;
  const signingOut = useSignOut();
  const isObserving = OBSERVE.some((place) => location.startsWith(place.path));
  const below = useRef<HTMLElement>(null);
  useCentred(below, "[aria-current]", location);
  const onKey = useRef<(event: KeyboardEvent) => void>(() => {});
  const sequence = useRef(-Infinity);
  onKey.current = (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      setShows(shows === "palette" ? null : "palette");
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.timeStamp - sequence.current < SEQUENCE_MS) {
      sequence.current = -Infinity;
      const place = ALL_PLACES.find((place) => place.key === event.key);
      if (place) navigate(place.path);
      return;
    }
    if (event.key === "g") sequence.current = event.timeStamp;
    else if (event.key === "?") setShows("keys");
    else if (event.key === "t") nextTheme();
    else if (event.key === "/") {
      const field = document.querySelector<HTMLInputElement>("[data-search]");
      event.preventDefault();
      if (field) field.focus();
      else setShows("palette");
    }
  };
  useEffect(() => {
    const listen = (event: KeyboardEvent): void => onKey.current(event);
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, []);
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="bar">
        <Link href="/" className="brand" title="Where everything begins">
          <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="7" fill="var(--accent)" />
            <path d="M6 8h20v4h-4v4h-4v4h-4v4H6" fill="none" stroke="var(--accent-ink)" strokeWidth="2.6" strokeLinejoin="round" strokeLinecap="round" />
          </svg>
          <span>Stepwell</span>
        </Link>
        <nav aria-label="Places">
          {PLACES.map((place) => (
            <PlaceLink key={place.path} place={place} isHere={location.startsWith(place.path)} />
          ))}
          <Link href="/logs" className="place" {...(isObserving ? { "aria-current": "true" as const } : {})} title="Logs, traces, service map, alarms, metrics, dashboards">
            <Icon name="metric" />
            <span>Observe</span>
          </Link>
        </nav>
        <div className="bar-end">
          <LiveMark />
          <button type="button" className="button find" onClick={() => setShows("palette")} title="Find or do something (Ctrl K)">
            <Icon name="search" size={14} />
            <span className="find-label">Find</span>
            <kbd aria-hidden="true">Ctrl K</kbd>
          </button>
          <button type="button" className="icon-button is-wide-only" onClick={() => setShows("keys")} aria-label="Keys" title="Keys (?)">
            <Icon name="keyboard" />
          </button>
          <button type="button" className="icon-button" onClick={nextTheme} aria-label={THEME_LOOK[theme].label} title={`${THEME_LOOK[theme].label} (t)`}>
            <Icon name={THEME_LOOK[theme].icon} />
          </button>
          {user !== null && <SessionMenu user={user} signingOut={signingOut} />}
        </div>
      </header>
      {isObserving && (
        <nav className="bar-below" aria-label="Observe" ref={below}>
          {OBSERVE.map((place) => (
            <PlaceLink key={place.path} place={place} isHere={location.startsWith(place.path)} />
          ))}
        </nav>
      )}
      <SessionWatch />
      <div id="content" tabIndex={-1}>
        <Suspense
          fallback={
            <main className="page">
              <Waiting what="the page" />
            </main>
          }
        >
          {children}
        </Suspense>
      </div>
      <PageSaid location={location} />
      {shows === "palette" && (
        <Palette
          onClose={() => setShows(null)}
          commands={[
            { id: "/start", title: "Start", kind: "Page", run: () => navigate("/start") },
            ...ALL_PLACES.map((place) => ({ id: place.path, title: place.label, kind: "Page", run: () => navigate(place.path) })),
            { id: "theme", title: "Change the theme", kind: "Command", run: nextTheme },
            { id: "keys", title: "Show all keys", kind: "Command", run: () => setShows("keys") },
            ...(user === null ? [] : [{ id: "sign-out", title: "Sign out", kind: "Command", run: () => leave(() => signingOut.mutate()) }]),
          ]}
        />
      )}
      {shows === "keys" && (
        <Dialog title="Keys" onClose={() => setShows(null)}>
          <dl className="keys">
            {KEYS.map(([keys, what]) => (
              <div key={keys}>
                <dt>
                  {keys.split(/\s+/).map((key) => (
                    <kbd key={key}>{key}</kbd>
                  ))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
        </Dialog>
      )}
    </div>
  );
}

/** A page names itself a moment after it is shown. */
const SAID_MS = 300;

/** Says which page is shown now, to who hears pages: the browser says nothing where it loads none. */
function PageSaid({ location }: { location: string }) {
  const [said, setSaid] = useState("");
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    const timer = setTimeout(() => setSaid(document.title), SAID_MS);
    return () => clearTimeout(timer);
  }, [location]);
  return (
    <p className="visually-hidden" aria-live="polite">
      {said}
    </p>
  );
}

function PlaceLink({ place, isHere }: { place: Place; isHere: boolean }) {
  return (
    <Link href={place.path} className="place" {...(isHere ? { "aria-current": "page" as const } : {})} title={`${place.label} (g ${place.key})`}>
      <Icon name={place.icon} />
      <span>{place.label}</span>
    </Link>
  );
}

/** Whether what is shown is as of now. */
function LiveMark() {
  const live = useLive();
  const text = { live: "Live", connecting: "Connecting", lost: "Not live" }[live];
  const title = {
    live: "Changes are shown as they are committed",
    connecting: "Connecting to the live stream",
    lost: "The live stream is away; pages ask every two seconds",
  }[live];
  return (
    <span className={`live live-${live}`} role="status" title={title}>
      <span className="live-dot" aria-hidden="true" />
      <span>{text}</span>
    </span>
  );
}
