import { lazy, Suspense } from "react";
import { Route, Router, Switch, useLocation } from "wouter";
import { LiveProvider } from "./live/LiveProvider";
import { fromPath } from "./model/arn";
import { BASE } from "./model/session";
import { ExecutionPage } from "./pages/ExecutionPage";
import { ExecutionsPage } from "./pages/ExecutionsPage";
import { FunctionPage } from "./pages/FunctionPage";
import { FunctionsPage } from "./pages/FunctionsPage";
import { MachinePage } from "./pages/MachinePage";
import { MachinesPage } from "./pages/MachinesPage";
import { MapRunPage } from "./pages/MapRunPage";
import { NotFoundPage } from "./pages/NotFoundPage";
import { Home } from "./pages/start/Home";
import { ErrorBorder } from "./ui/ErrorBorder";
import { aroundNav } from "./ui/leaving";
import { Waiting } from "./ui/parts";
import { Shell } from "./ui/Shell";

const SignInPage = lazy(() => import("./pages/sign-in/SignInPage"));
const StartPage = lazy(() => import("./pages/start/StartPage"));
const EditorPage = lazy(() => import("./pages/editor/EditorPage"));
const LogsPage = lazy(() => import("./pages/logs/LogsPage"));
const TracesPage = lazy(() => import("./pages/traces/TracesPage"));
const TracePage = lazy(() => import("./pages/traces/TracePage"));
const ServiceMapPage = lazy(() => import("./pages/traces/ServiceMapPage"));
const AlarmsPage = lazy(() => import("./pages/alarms/AlarmsPage"));
const AlarmPage = lazy(() => import("./pages/alarms/AlarmPage"));
const MetricsPage = lazy(() => import("./pages/metrics/MetricsPage"));
const DashboardsPage = lazy(() => import("./pages/dashboards/DashboardsPage"));
const DashboardPage = lazy(() => import("./pages/dashboards/DashboardPage"));

/** Every page has an address; what is chosen on a page is in its query. */
export function App() {
  return (
    <Router base={BASE} aroundNav={aroundNav}>
      <Switch>
        <Route path="/sign-in">
          <Suspense fallback={<Waiting what="the page" />}>
            <SignInPage />
          </Suspense>
        </Route>
        {/* Without a session there is none of these: nothing polls, nobody listens. */}
        <Route>
          <LiveProvider>
            <Shell>
              <Pages />
            </Shell>
          </LiveProvider>
        </Route>
      </Switch>
    </Router>
  );
}

function Pages() {
  const [place] = useLocation();
  return (
    <ErrorBorder place={place}>
      <Switch>
        <Route path="/" component={Home} />
        <Route path="/start" component={StartPage} />
        <Route path="/machines" component={MachinesPage} />
        <Route path="/machines/new">
          <Suspense fallback={<Waiting what="the editor" />}>
            <EditorPage arn={null} />
          </Suspense>
        </Route>
        <Route path="/machines/:arn/edit">
          {({ arn }) => (
            <Suspense fallback={<Waiting what="the editor" />}>
              <EditorPage key={arn} arn={fromPath(arn)} />
            </Suspense>
          )}
        </Route>
        <Route path="/machines/:arn">{({ arn }) => <MachinePage key={arn} arn={fromPath(arn)} />}</Route>
        <Route path="/executions" component={ExecutionsPage} />
        <Route path="/executions/:arn">
          {({ arn }) => <ExecutionPage key={arn} arn={fromPath(arn)} />}
        </Route>
        <Route path="/map-runs/:arn">{({ arn }) => <MapRunPage key={arn} arn={fromPath(arn)} />}</Route>
        <Route path="/functions" component={FunctionsPage} />
        <Route path="/functions/:name">
          {({ name }) => <FunctionPage key={name} name={fromPath(name)} />}
        </Route>
        <Route path="/logs" component={LogsPage} />
        <Route path="/traces" component={TracesPage} />
        <Route path="/traces/:id">{({ id }) => <TracePage key={id} id={fromPath(id)} />}</Route>
        <Route path="/service-map" component={ServiceMapPage} />
        <Route path="/metrics" component={MetricsPage} />
        <Route path="/dashboards" component={DashboardsPage} />
        <Route path="/dashboards/:name">{({ name }) => <DashboardPage key={name} name={fromPath(name)} />}</Route>
        <Route path="/alarms" component={AlarmsPage} />
        <Route path="/alarms/:name">{({ name }) => <AlarmPage key={name} name={fromPath(name)} />}</Route>
        <Route component={NotFoundPage} />
      </Switch>
    </ErrorBorder>
  );
}
