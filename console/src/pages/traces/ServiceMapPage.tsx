import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo } from "react";
import { Link } from "wouter";
import { serviceGraphQuery } from "../../api/traces";
import { withQuery } from "../../model/arn";
import { sampleAllLine } from "../../model/commands";
import { rateText, readServiceMap, serviceKey, shareText, typeText } from "../../model/serviceMap";
import type { CallNumbers, MapService, ServiceMap } from "../../model/serviceMap";
import { durationText } from "../../model/time";
import { rangeQuery, rangeText } from "../../model/timeRange";
import { Icon } from "../../ui/Icon";
import { CommandLine, Empty, ErrorNote, useTitle, Waiting } from "../../ui/parts";
import { TimeRangePicker, useTimeRange } from "../../ui/TimeRange";
import type { ChosenTime } from "../../ui/TimeRange";
import { useQueryState } from "../../ui/useQueryState";
import "../../styles/metrics.css";
import "../../styles/traces.css";

const MapView = lazy(() => import("./MapView"));

/** Services and the calls between them, from the traces of a range of time. */
export default function ServiceMapPage() {
  useTitle("Service map");
  const [get, set] = useQueryState();
  const time = useTimeRange();
  const found = useQuery(serviceGraphQuery(time.from, time.to));
  const map = useMemo(() => (found.data ? readServiceMap(found.data, (time.to - time.from) / 60_000) : null), [found.data, time.from, time.to]);
  const key = get("service");
  const chosen = map?.services.find((service) => serviceKey(service) === key) ?? null;
  const choose = (id: number | null): void => {
    const service = map?.services.find((one) => one.id === id);
    set({ service: service === undefined ? null : serviceKey(service) });
  };
  return (
    <main className="page">
      <div className="page-head">
        <h1>Service map</h1>
        <TimeRangePicker time={time} isRefreshing={found.isFetching} />
      </div>
      {found.error ? (
        <ErrorNote error={found.error} onRetry={() => void found.refetch()} />
      ) : map === null ? (
        <Waiting what="the service map" />
      ) : map.services.length === 0 ? (
        <Empty title={`No traces in ${rangeText(time.range)}`} icon="map">
          <p>The map is counted from traces. State machines and functions that have tracing on are on it with their first trace:</p>
          <CommandLine line={sampleAllLine(window.location.origin)} />
        </Empty>
      ) : (
        <div className="map-layout">
          <Suspense fallback={<Waiting what="the map" />}>
            <MapView map={map} chosen={chosen?.id ?? null} onChoose={choose} />
          </Suspense>
          <div>
            {chosen && <ServiceFacts service={chosen} time={time} />}
            <Tables map={map} chosen={chosen?.id ?? null} onChoose={choose} />
          </div>
        </div>
      )}
    </main>
  );
}

function ServiceFacts({ service, time }: { service: MapService; time: ChosenTime }) {
  const quoted = JSON.stringify(service.name);
  const range = rangeQuery(time.range, "1h");
  const filter = service.isClient ? "" : `service(id(name: ${quoted}, type: ${JSON.stringify(service.type)}))`;
  return (
    <section aria-label={`Service ${service.name}`} className="log-search">
      <h2>{service.name}</h2>
      <p className="quiet">{typeText(service.type)}</p>
      <p className="actions">
        <Link href={withQuery("/traces", { ...range, filter })}>Its traces</Link>
        {service.numbers.faults > 0 && <Link href={withQuery("/traces", { ...range, filter: `${filter} { fault }` })}>Those with a fault</Link>}
        {service.numbers.errors > 0 && <Link href={withQuery("/traces", { ...range, filter: `${filter} { error }` })}>Those with an error</Link>}
      </p>
    </section>
  );
}

/** The same as the picture, to read. */
function Tables({ map, chosen, onChoose }: { map: ServiceMap; chosen: number | null; onChoose: (id: number | null) => void }) {
  const names = new Map(map.services.map((service) => [service.id, service]));
  const edges = map.edges.filter((edge) => chosen === null || edge.from === chosen || edge.to === chosen);
  return (
    <>
      <div className="table-frame" tabIndex={0} role="group" aria-label="Services as a table">
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col">Service</th>
              <Heads />
            </tr>
          </thead>
          <tbody>
            {map.services.map((service) => (
              <tr key={service.id} className={service.id === chosen ? "is-chosen" : ""}>
                <td>
                  <button type="button" className="link" aria-pressed={service.id === chosen} onClick={() => onChoose(service.id === chosen ? null : service.id)}>
                    {service.name}
                  </button>{" "}
                  <span className="quiet">{typeText(service.type)}</span>
                </td>
                <Numbers numbers={service.numbers} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="table-frame" tabIndex={0} role="group" aria-label="Calls as a table">
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col">Call</th>
              <Heads />
            </tr>
          </thead>
          <tbody>
            {edges.map((edge) => {
              const [from, to] = [names.get(edge.from), names.get(edge.to)];
              return (
                <tr key={edge.id}>
                  <td>
                    {from?.isClient ? "Client" : from?.name} <Icon name="right" size={10} /> {to?.name} <span className="quiet">{typeText(to?.type ?? "")}</span>
                  </td>
                  <Numbers numbers={edge.numbers} />
                </tr>
              );
            })}
            {edges.length === 0 && (
              <tr>
                <td colSpan={5} className="quiet">
                  No calls between services.
                </td>
              </tr>
            )}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Heads() {
  return (
    <>
      <th scope="col" className="number">Rate</th>
      <th scope="col" className="number">Mean</th>
      <th scope="col" className="number">p95</th>
      <th scope="col" className="number">Failed</th>
    </>
  );
}

function Numbers({ numbers }: { numbers: CallNumbers }) {
  const { faults, errors, throttles } = numbers;
  return (
    <>
      <td className="number">{rateText(numbers.perMinute)}</td>
      <td className="number">{numbers.latency === null ? "" : durationText(numbers.latency)}</td>
      <td className="number">{numbers.p95 === null ? "" : durationText(numbers.p95)}</td>
      <td className="number" title={`${faults} faults, ${errors} errors, ${throttles} throttles of ${numbers.total}`}>
        {shareText(numbers.failedShare)}
      </td>
    </>
  );
}
