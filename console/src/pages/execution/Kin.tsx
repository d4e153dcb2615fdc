import { Link } from "wouter";
import { alarmPath, executionPath, mapRunPath, nameOf } from "../../model/arn";
import type { Child, Origin } from "../../model/kin";
import { Fact } from "../../ui/parts";

/** Who started the execution, as far as its input tells. */
export function OriginFact({ origin }: { origin: Origin | null }) {
  if (origin === null) return null;
  switch (origin.kind) {
    case "execution":
      return (
        <Fact name="Started by">
          <Link href={executionPath(origin.executionArn)} title={origin.executionArn}>
            {nameOf(origin.executionArn)}
          </Link>
        </Fact>
      );
    case "alarm":
      return (
        <Fact name="Started by">
          <Link href={alarmPath(origin.name)}>alarm {origin.name}</Link>
          {origin.state === null ? "" : `, ${origin.state}`}
        </Fact>
      );
    case "schedule":
      return <Fact name="Started by">schedule {origin.name}</Fact>;
    case "event":
      return (
        <Fact name="Started by">
          event {origin.detailType} of {origin.source}
        </Fact>
      );
  }
}

/** Children that are named one by one; more are told by their number. */
const NAMED_MAX = 3;

/** What the execution has started. */
export function ChildrenFact({ children }: { children: readonly Child[] }) {
  if (children.length === 0) return null;
  return (
    <Fact name="Has started">
      <span className="kin">
        {children.slice(0, NAMED_MAX).map((child) => (
          <Link key={child.visit.index} href={child.kind === "map run" ? mapRunPath(child.arn) : executionPath(child.arn)} title={child.arn}>
            {child.kind === "map run" ? `map run of ${child.visit.name}` : nameOf(child.arn)}
          </Link>
        ))}
        {children.length > NAMED_MAX && <span className="quiet">and {(children.length - NAMED_MAX).toLocaleString("en")} more</span>}
      </span>
    </Fact>
  );
}
