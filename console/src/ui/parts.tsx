/** Small parts that every page is made of. */

import { Fragment, useEffect, useState } from "react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { toldBy } from "../api/call";
import { outcomeLook, statusLook } from "../model/status";
import type { Look } from "../model/status";
import { absoluteText, durationText, relativeText } from "../model/time";
import type { Outcome } from "../model/history";
import { Icon } from "./Icon";
import type { IconName } from "./Icon";

/** The status of an execution, in word, sign and colour. */
export function StatusPill({ status }: { status: string }) {
  return <Pill look={statusLook(status)} />;
}

export function OutcomePill({ outcome }: { outcome: Outcome }) {
  return <Pill look={outcomeLook(outcome)} />;
}

export function Pill({ look }: { look: Look }) {
  return (
    <span className={`pill tone-${look.tone}`}>
      <Icon name={look.sign} size={12} />
      {look.text}
    </span>
  );
}

/** Copies a text; says that it did. */
export function CopyButton({ text, label, children }: { text: string; label: string; children?: ReactNode }) {
  const [isCopied, setCopied] = useState(false);
  useEffect(() => {
    if (!isCopied) return;
    const timer = setTimeout(() => setCopied(false), 1_500);
    return () => clearTimeout(timer);
  }, [isCopied]);
  const copy = (): void => {
    navigator.clipboard?.writeText(text).then(
      () => setCopied(true),
      () => setCopied(false),
    );
  };
  return (
    <button type="button" className={children ? "button" : "icon-button"} onClick={copy} aria-label={children ? undefined : label} title={label}>
      <Icon name={isCopied ? "check" : "copy"} size={14} />
      {children}
      <span className="visually-hidden" role="status">
        {isCopied ? "Copied" : ""}
      </span>
    </button>
  );
}

/** The current instant, again every so many milliseconds. */
export function useNow(everyMs: number | null): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (everyMs === null) return;
    const timer = setInterval(() => setNow(Date.now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** An instant: how long ago, and when exactly on its title, in the time of this machine and in that of most logs. */
export function Time({ at, isExact = false }: { at: number; isExact?: boolean }) {
  const now = useNow(isExact ? null : 1_000);
  const [absolute, universal] = [absoluteText(at), new Date(at).toISOString()];
  return (
    <time dateTime={universal} title={isExact ? `${universal}, ${relativeText(at, now)}` : `${absolute}, ${universal}`}>
      {isExact ? absolute : relativeText(at, now)}
    </time>
  );
}

/** How long something took, or takes so far. */
export function Duration({ from, to }: { from: number; to: number | null }) {
  const now = useNow(to === null ? 500 : null);
  return <span className="number">{durationText((to ?? Math.max(now, from)) - from)}</span>;
}

/** How long an execution or a map run took, or takes so far. */
export function Took({ of }: { of: { readonly startDate: number; readonly stopDate?: number | undefined } }) {
  return <Duration from={of.startDate * 1000} to={of.stopDate === undefined ? null : of.stopDate * 1000} />;
}

/** A page or a part of one that has nothing to show, and what to do about it. */
export function Empty({ title, children, icon = "machine" }: { title: string; children?: ReactNode; icon?: IconName }) {
  return (
    <section className="empty">
      <Icon name={icon} size={28} />
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** How many there are; `20,000+` where not all were read. */
export function Count({ of, isCut = false }: { of: number; isCut?: boolean }) {
  return (
    <span className="count">
      {of.toLocaleString("en")}
      {isCut ? "+" : ""}
    </span>
  );
}

/** Says that a list has more than is shown of it. */
export function CutNote({ count, what }: { count: number; what: string }) {
  return (
    <p className="foot quiet" role="status">
      The first {count.toLocaleString("en")} {what}; the server has more.
    </p>
  );
}

/** A line for a shell, with a button that copies it. */
export function CommandLine({ line }: { line: string }) {
  return (
    <div className="command-line">
      <code>{line}</code>
      <CopyButton text={line} label="Copy the command" />
    </div>
  );
}

/** What went wrong with a request, in AWS's words. */
export function ErrorNote({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { code, message } = toldBy(error);
  return (
    <div className="note tone-bad" role="alert">
      <Icon name="cross" />
      <div>
        <strong>{code}</strong>
        <p>{message}</p>
      </div>
      {onRetry && (
        <button type="button" className="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Stands where something will be. */
export function Waiting({ what }: { what: string }) {
  return (
    <div className="waiting" role="status">
      <Icon name="running" />
      <span>Reading {what}</span>
    </div>
  );
}

/** Where a page is: the pages above it, outermost first, and its own name. */
export function Crumbs({ above, here }: { above: readonly (readonly [path: string, title: string])[]; here?: ReactNode }) {
  return (
    <nav className="crumbs" aria-label="Where this is">
      {above.map(([path, title], index) => (
        <Fragment key={path}>
          {index > 0 && <Icon name="right" size={12} />}
          <Link href={path}>{title}</Link>
        </Fragment>
      ))}
      {here !== undefined && (
        <>
          <Icon name="right" size={12} />
          <span aria-current="page">{here}</span>
        </>
      )}
    </nav>
  );
}

/** A fact and its name. */
export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** A name and its value, a line of a list with the class `pairs`. */
export function Pair({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** An ARN as its name says it, whole on its title and to copy. */
export function Arn({ arn }: { arn: string }) {
  return (
    <span className="arn">
      <code title={arn}>{arn}</code>
      <CopyButton text={arn} label="Copy the ARN" />
    </span>
  );
}

/** The name of the page in the browser's title. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Stepwell` : "Stepwell";
  }, [title]);
}
