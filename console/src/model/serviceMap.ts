/** Services and the calls between them, with how many there were, how long they took and how many failed. */

import dagre from "@dagrejs/dagre";
import type { XRay } from "../api/generated";

export interface CallNumbers {
  readonly total: number;
  /** Calls a minute over the range. */
  readonly perMinute: number;
  /** Mean, in milliseconds; `null` where there was no call. */
  readonly latency: number | null;
  /** 95 of 100 took no longer, from the histogram, in milliseconds. */
  readonly p95: number | null;
  readonly faults: number;
  readonly errors: number;
  readonly throttles: number;
  /** Of all calls, 0 to 1: faults, errors and throttles. */
  readonly failedShare: number;
}

export interface MapService {
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly isClient: boolean;
  readonly isRoot: boolean;
  readonly numbers: CallNumbers;
}

interface MapEdge {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly numbers: CallNumbers;
}

export interface ServiceMap {
  readonly services: readonly MapService[];
  readonly edges: readonly MapEdge[];
}

/** What tells a service from others in every range: its number is another one where more is known. */
export const serviceKey = ({ type, name }: MapService): string => `${type}:${name}`;

/** - `minutes`: length of the range. */
export function readServiceMap(found: readonly XRay.Service[], minutes: number): ServiceMap {
  const services = found.map((service, index) => ({
    id: service.ReferenceId ?? index,
    name: service.Name ?? "",
    type: service.Type ?? "",
    isClient: service.Type === "client",
    isRoot: service.Root ?? false,
    numbers: numbersOf(service.SummaryStatistics, service.ResponseTimeHistogram, minutes),
  }));
  const known = new Set(services.map((service) => service.id));
  const edges = found.flatMap((service, index) =>
    (service.Edges ?? []).flatMap((edge) => {
      const [from, to] = [service.ReferenceId ?? index, edge.ReferenceId ?? -1];
      if (!known.has(to)) return [];
      return [{ id: `${from}-${to}`, from, to, numbers: numbersOf(edge.SummaryStatistics, edge.ResponseTimeHistogram, minutes) }];
    }),
  );
  return { services, edges };
}

function numbersOf(statistics: XRay.ServiceStatistics | undefined, histogram: readonly XRay.HistogramEntry[] | undefined, minutes: number): CallNumbers {
  const total = statistics?.TotalCount ?? 0;
  const faults = statistics?.FaultStatistics?.TotalCount ?? 0;
  const throttles = statistics?.ErrorStatistics?.ThrottleCount ?? 0;
  const errors = (statistics?.ErrorStatistics?.TotalCount ?? 0) - throttles;
  const failed = total - (statistics?.OkCount ?? total);
  return {
    total,
    perMinute: total / Math.max(1 / 60, minutes),
    latency: total === 0 ? null : ((statistics?.TotalResponseTime ?? 0) / total) * 1_000,
    p95: percentile(histogram ?? [], 0.95),
    faults,
    errors,
    throttles,
    failedShare: total === 0 ? 0 : failed / total,
  };
}

/** In milliseconds; values of a histogram are seconds. */
export function percentile(histogram: readonly XRay.HistogramEntry[], share: number): number | null {
  const steps = histogram.toSorted((a, b) => (a.Value ?? 0) - (b.Value ?? 0));
  const all = steps.reduce((sum, step) => sum + (step.Count ?? 0), 0);
  let before = 0;
  for (const step of steps) {
    before += step.Count ?? 0;
    if (before >= all * share) return (step.Value ?? 0) * 1_000;
  }
  return null;
}

/** `120/min`, `0.4/min`. */
export function rateText(perMinute: number): string {
  if (perMinute === 0) return "0/min";
  if (perMinute >= 100) return `${Math.round(perMinute).toLocaleString("en")}/min`;
  if (perMinute < 0.1) return `${Number((perMinute * 60).toPrecision(2))}/h`;
  return `${Number(perMinute.toPrecision(2))}/min`;
}

/** `0 %`, `0.4 %`, `12 %`. */
export function shareText(share: number): string {
  const percent = share * 100;
  return `${percent === 0 ? 0 : percent < 1 ? Math.max(0.1, Number(percent.toFixed(1))) : Math.round(percent)} %`;
}

/** `AWS::Lambda::Function` as people say it. */
export function typeText(type: string): string {
  if (type === "client") return "Client";
  return type.replace(/^AWS::/, "").replaceAll("::", " ") || "Service";
}

interface MapBox {
  readonly id: number;
  readonly x: number;
  readonly y: number;
}

export const NODE_WIDTH = 196;
export const NODE_HEIGHT = 74;

/** From top to bottom, callers before what they call: what calls say stands on the lines between, one below the other. */
export function layOutMap(map: ServiceMap): readonly MapBox[] {
  const drawing = new dagre.graphlib.Graph();
  drawing.setGraph({ rankdir: "TB", nodesep: 56, ranksep: 62, marginx: 0, marginy: 0 });
  drawing.setDefaultEdgeLabel(() => ({}));
  for (const service of map.services) drawing.setNode(String(service.id), { width: NODE_WIDTH, height: NODE_HEIGHT });
  for (const edge of map.edges) if (edge.from !== edge.to) drawing.setEdge(String(edge.from), String(edge.to));
  dagre.layout(drawing);
  return map.services.map((service) => {
    const node = drawing.node(String(service.id)) as { x: number; y: number };
    return { id: service.id, x: node.x - NODE_WIDTH / 2, y: node.y - NODE_HEIGHT / 2 };
  });
}
