import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { executionPath, functionPath, withQuery } from "../model/arn";
import { functionOfGroup, LEVELS, lineFacts, patternTerm } from "../model/logLines";
import type { LineFacts, LogLine } from "../model/logLines";
import { absoluteText, clockText } from "../model/time";
import { Icon } from "./Icon";
import { Json } from "./Json";
import { isTyping } from "./keys";
import { CopyButton } from "./parts";
import "../styles/logs.css";

const LINE_HEIGHT = 27;

/**
 * Lines of a log, any number of them: only those in sight are drawn. A line opens to its whole message and where it
 * leads; `j` and `k` move along the lines.
 *
 * - `showsGroup`: whether each line says its log group.
 * - `onEnd`: called when the end comes in sight, to bring more.
 * - `onAtTop`: told whether the first line is in sight.
 * - `cursor`: an instant; lines after it are drawn as not yet written.
 */
export function LogLines(props: {
  lines: readonly LogLine[];
  label: string;
  showsGroup?: boolean;
  onEnd?: (() => void) | undefined;
  onAtTop?: (isAtTop: boolean) => void;
  cursor?: number | null;
  className?: string;
}) {
  const { lines, label, showsGroup = false, onEnd, onAtTop, cursor = null, className = "" } = props;
  const body = useRef<HTMLDivElement>(null);
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const facts = useFacts();
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => body.current,
    estimateSize: () => LINE_HEIGHT,
    getItemKey: (index) => lines[index]?.id ?? index,
    overscan: 14,
  });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (onEnd && lines.length > 0 && last >= lines.length - 20) onEnd();
  }, [onEnd, last, lines.length]);
  useKeys(body, lines.length, (index) => virtual.scrollToIndex(index));
  const toggle = (id: string): void => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  return (
    <div
      className={`log-lines${showsGroup ? " has-groups" : ""} ${className}`}
      ref={body}
      role="list"
      aria-label={label}
      tabIndex={0}
      onScroll={(event) => onAtTop?.(event.currentTarget.scrollTop < LINE_HEIGHT)}
    >
      <div className="log-all" style={{ height: virtual.getTotalSize() }} role="presentation">
        {items.map((item) => {
          const line = lines[item.index];
          if (line === undefined) return null;
          const isOpen = open.has(line.id);
          const about = facts(line);
          return (
            <div
              key={item.key}
              ref={virtual.measureElement}
              data-index={item.index}
              className={`log-line${isOpen ? " is-open" : ""}${cursor !== null && line.at > cursor ? " is-after" : ""}${about.level ? ` tone-${LEVELS[about.level].tone}` : ""}`}
              role="listitem"
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <button type="button" className="log-head" aria-expanded={isOpen} onClick={() => toggle(line.id)}>
                <time dateTime={new Date(line.at).toISOString()} title={absoluteText(line.at)}>
                  {clockText(line.at)}
                </time>
                <span className="log-level">{about.level ? LEVELS[about.level].text : ""}</span>
                {showsGroup && (
                  <span className="log-group" title={line.group}>
                    {functionOfGroup(line.group ?? "") ?? (line.group ?? "").split("/").pop()}
                  </span>
                )}
                <span className="log-text">{about.headline || " "}</span>
              </button>
              {isOpen && <Opened line={line} about={about} />}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** What lines say, each read once. */
function useFacts(): (line: LogLine) => LineFacts {
  return useMemo(() => {
    const known = new WeakMap<LogLine, LineFacts>();
    return (line) => {
      const found = known.get(line) ?? lineFacts(line.message);
      known.set(line, found);
      return found;
    };
  }, []);
}

function useKeys(body: React.RefObject<HTMLDivElement | null>, count: number, reach: (index: number) => void): void {
  const reaches = useRef(reach);
  reaches.current = reach;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      const by = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      if (by === 0 || count === 0) return;
      event.preventDefault();
      const at = Number(document.activeElement?.closest("[data-index]")?.getAttribute("data-index") ?? -1);
      const next = Math.min(count - 1, Math.max(0, at + by));
      const focus = (): void => body.current?.querySelector<HTMLElement>(`[data-index="${next}"] > button`)?.focus();
      reaches.current(next);
      focus();
      requestAnimationFrame(focus);
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [body, count]);
}

function Opened({ line, about }: { line: LogLine; about: LineFacts }) {
  const { requestId, traceId, executionArn } = about;
  const functionName = functionOfGroup(line.group ?? "");
  const links: ReactNode[] = [];
  // AWS: no operation tells of an Express execution; what it did is in such lines alone.
  const isExpress = executionArn?.includes(":express:") ?? false;
  if (executionArn && !isExpress) links.push(<Link key="execution" href={executionPath(executionArn)}>The execution</Link>);
  if (traceId) links.push(<Link key="trace" href={`/traces/${traceId}`}>The trace</Link>);
  // Some time around it: an invocation takes 15 minutes at most, an Express execution 5.
  const [from, to] = [line.at - 900_000, line.at + 900_000].map((at) => new Date(at).toISOString());
  const linesWith = (words: string, what: string): void => {
    links.push(
      <Link key={what} href={withQuery("/logs", { groups: line.group, q: patternTerm(words), from, to })}>
        Every line of this {what}
      </Link>,
    );
  };
  if (requestId && line.group) linesWith(requestId, "invocation");
  if (executionArn && isExpress && line.group) linesWith(executionArn, "execution");
  if (functionName) links.push(<Link key="function" href={functionPath(functionName)}>The function</Link>);
  return (
    <div className="log-opened">
      {about.json && line.message.trim().startsWith("{") ? (
        <Json text={line.message} label="the line" />
      ) : (
        <>
          <pre className="log-message" tabIndex={0} aria-label="The whole line">
            {line.message}
          </pre>
          {about.json && <Json text={JSON.stringify(about.json)} label="the object of the line" />}
        </>
      )}
      <div className="log-about">
        <span className="quiet">{absoluteText(line.at)}</span>
        {line.group && (
          <span className="quiet log-where">
            {line.group} {line.stream && <Icon name="right" size={10} />} {line.stream}
          </span>
        )}
        {links}
        <CopyButton text={line.message} label="Copy the line" />
      </div>
    </div>
  );
}
