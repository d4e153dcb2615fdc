/** What the palette finds beside state machines and functions; it is loaded when the palette is opened. */

import type { QueryClient } from "@tanstack/react-query";
import { alarmPath, dashboardPath, withQuery } from "../model/arn";
import { logGroupsQuery } from "./logs";
import { alarmsQuery, dashboardsQuery } from "./metrics";

interface Named {
  readonly id: string;
  readonly title: string;
  readonly kind: string;
  readonly path: string;
}

/** Alarms, dashboards and log groups; those that cannot be read are left out, as long as some can. */
export async function readNames(client: QueryClient): Promise<readonly Named[]> {
  const kinds: readonly Promise<readonly Named[]>[] = [
    client.fetchQuery(alarmsQuery).then(({ alarms }) => alarms.map(({ arn, name }) => ({ id: arn, title: name, kind: "Alarm", path: alarmPath(name) }))),
    client.fetchQuery(dashboardsQuery).then((all) => all.map(({ DashboardName: name = "" }) => ({ id: `dashboard ${name}`, title: name, kind: "Dashboard", path: dashboardPath(name) }))),
    client
      .fetchQuery(logGroupsQuery)
      .then(({ groups }) => groups.map(({ logGroupName: name = "" }) => ({ id: `log group ${name}`, title: name, kind: "Log group", path: withQuery("/logs", { groups: name }) }))),
  ];
  const read = await Promise.allSettled(kinds);
  const failed = read.find((one) => one.status === "rejected");
  if (failed !== undefined && read.every((one) => one.status === "rejected")) throw failed.reason;
  return read.flatMap((one) => (one.status === "fulfilled" ? one.value : []));
}
