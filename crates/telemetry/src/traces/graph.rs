//! Services and the calls between them, counted over traces.

use std::collections::BTreeMap;

use stepwell_api::{EpochSeconds, xray};

use super::analysis::{Analysis, Flags, ServiceName};
use super::filter::{Selected, TraceFilter};

/// What is counted of requests.
#[derive(Debug, Clone, Default)]
struct Counts {
    ok: i64,
    throttle: i64,
    other_error: i64,
    fault: i64,
    total: i64,
    response_time: f64,
    /// Response times to a hundredth of a second, and how often each was seen.
    histogram: BTreeMap<u64, i32>,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
}

impl Counts {
    fn count(&mut self, start_ms: i64, end_ms: Option<i64>, flags: Flags) {
        self.total += 1;
        self.ok += i64::from(flags.is_ok());
        self.throttle += i64::from(flags.throttle);
        self.other_error += i64::from(flags.error && !flags.throttle);
        self.fault += i64::from(flags.fault);
        let taken_ms = end_ms.map_or(0, |end_ms| (end_ms - start_ms).max(0));
        let taken = super::operations::seconds(taken_ms);
        self.response_time += taken;
        if end_ms.is_some() {
            let rounded = taken_ms.unsigned_abs() / HISTOGRAM_MS;
            *self.histogram.entry(rounded).or_default() += 1;
        }
        self.from_ms = Some(self.from_ms.map_or(start_ms, |from| from.min(start_ms)));
        let end_ms = end_ms.unwrap_or(start_ms);
        self.to_ms = Some(self.to_ms.map_or(end_ms, |to| to.max(end_ms)));
    }

    fn errors(&self) -> xray::ErrorStatistics {
        xray::ErrorStatistics {
            throttle_count: Some(self.throttle),
            other_count: Some(self.other_error),
            total_count: Some(self.throttle + self.other_error),
        }
    }

    fn faults(&self) -> xray::FaultStatistics {
        xray::FaultStatistics {
            other_count: Some(self.fault),
            total_count: Some(self.fault),
        }
    }

    fn service(&self) -> xray::ServiceStatistics {
        xray::ServiceStatistics {
            ok_count: Some(self.ok),
            error_statistics: Some(self.errors()),
            fault_statistics: Some(self.faults()),
            total_count: Some(self.total),
            total_response_time: Some(self.response_time),
        }
    }

    fn edge(&self) -> xray::EdgeStatistics {
        xray::EdgeStatistics {
            ok_count: Some(self.ok),
            error_statistics: Some(self.errors()),
            fault_statistics: Some(self.faults()),
            total_count: Some(self.total),
            total_response_time: Some(self.response_time),
        }
    }

    fn histogram(&self) -> Vec<xray::HistogramEntry> {
        self.histogram
            .iter()
            .map(|(taken, count)| xray::HistogramEntry {
                value: Some(super::operations::seconds(
                    i64::try_from(taken * HISTOGRAM_MS).unwrap_or(i64::MAX),
                )),
                count: Some(*count),
            })
            .collect()
    }
}

/// Width of a step of a histogram.
const HISTOGRAM_MS: u64 = 10;

/// Services of one graph; those of the first traces stay.
const SERVICES_MAX: usize = 1_000;

/// A graph while traces are counted.
#[derive(Default)]
pub(super) struct Graph {
    services: BTreeMap<ServiceName, (Counts, bool)>,
    edges: BTreeMap<(ServiceName, ServiceName), Counts>,
}

impl Graph {
    pub(super) fn count(&mut self, trace: &Analysis) {
        for service in &trace.services {
            let Some((counts, is_root)) = self.service(&service.service) else {
                continue;
            };
            let node = &trace.nodes[service.node];
            counts.count(node.start_ms, node.end_ms, node.flags);
            *is_root |= node.parent.is_none();
        }
        for edge in &trace.edges {
            let from = match edge.from {
                Some(from) => trace.services[from].service.clone(),
                // AWS: who calls the first service is a node of its own, of type `client`.
                None => client_of(&trace.services[edge.to].service),
            };
            let seen = &trace.nodes[edge.seen];
            if edge.from.is_none()
                && let Some((counts, is_root)) = self.service(&from)
            {
                counts.count(seen.start_ms, seen.end_ms, seen.flags);
                *is_root = false;
            }
            let to = trace.services[edge.to].service.clone();
            if self.services.contains_key(&to) && self.services.contains_key(&from) {
                let counts = self.edges.entry((from, to)).or_default();
                counts.count(seen.start_ms, seen.end_ms, seen.flags);
            }
        }
    }

    /// The service, if it is one of those that the graph has room for.
    fn service(&mut self, name: &ServiceName) -> Option<&mut (Counts, bool)> {
        if self.services.len() >= SERVICES_MAX && !self.services.contains_key(name) {
            return None;
        }
        Some(self.services.entry(name.clone()).or_default())
    }

    pub(super) fn services(&self) -> Vec<xray::Service> {
        let numbers: BTreeMap<&ServiceName, i32> = self.services.keys().zip(0..).collect();
        let mut edges: BTreeMap<&ServiceName, Vec<xray::Edge>> = BTreeMap::new();
        for ((from, to), counts) in &self.edges {
            edges.entry(from).or_default().push(xray::Edge {
                reference_id: numbers.get(to).copied(),
                start_time: counts.from_ms.map(EpochSeconds::from_ms),
                end_time: counts.to_ms.map(EpochSeconds::from_ms),
                summary_statistics: Some(counts.edge()),
                response_time_histogram: Some(counts.histogram()),
                aliases: Some(Vec::new()),
                ..Default::default()
            });
        }
        self.services
            .iter()
            .map(|(name, (counts, is_root))| xray::Service {
                reference_id: numbers.get(name).copied(),
                name: Some(name.name.clone()),
                names: Some(vec![name.name.clone()]),
                root: is_root.then_some(true),
                account_id: name.account_id.clone(),
                r#type: name.kind.clone(),
                state: Some("active".to_owned()),
                start_time: counts.from_ms.map(EpochSeconds::from_ms),
                end_time: counts.to_ms.map(EpochSeconds::from_ms),
                edges: Some(edges.remove(name).unwrap_or_default()),
                summary_statistics: Some(counts.service()),
                duration_histogram: Some(counts.histogram()),
                response_time_histogram: Some(counts.histogram()),
            })
            .collect()
    }
}

fn client_of(service: &ServiceName) -> ServiceName {
    ServiceName {
        name: service.name.clone(),
        kind: Some("client".to_owned()),
        account_id: service.account_id.clone(),
    }
}

/// Statistics over time of the services, or of the calls, that a filter expression selects.
pub(super) struct Series {
    period_ms: i64,
    buckets: BTreeMap<i64, (Counts, bool)>,
}

impl Series {
    pub(super) fn new(period_ms: i64) -> Series {
        Series {
            period_ms,
            buckets: BTreeMap::new(),
        }
    }

    /// - `selector`: without one, each trace counts by its first segment.
    pub(super) fn count(&mut self, trace: &Analysis, selector: Option<&TraceFilter>) {
        let selected = selector.and_then(|selector| selector.selected(trace));
        let (nodes, is_edge): (Vec<usize>, bool) = match selected {
            Some(Selected::Services(services)) => (
                services
                    .into_iter()
                    .map(|number| trace.services[number].node)
                    .collect(),
                false,
            ),
            Some(Selected::Edges(edges)) => (
                edges
                    .into_iter()
                    .map(|number| trace.edges[number].seen)
                    .collect(),
                true,
            ),
            None => (trace.root.into_iter().collect(), false),
        };
        for node in nodes {
            let node = &trace.nodes[node];
            let bucket = node.start_ms.div_euclid(self.period_ms) * self.period_ms;
            let (counts, is_of_edge) = self.buckets.entry(bucket).or_default();
            counts.count(node.start_ms, node.end_ms, node.flags);
            *is_of_edge = is_edge;
        }
    }

    pub(super) fn statistics(&self) -> Vec<xray::TimeSeriesServiceStatistics> {
        self.buckets
            .iter()
            .map(
                |(bucket, (counts, is_edge))| xray::TimeSeriesServiceStatistics {
                    timestamp: Some(EpochSeconds::from_ms(*bucket)),
                    edge_summary_statistics: is_edge.then(|| counts.edge()),
                    service_summary_statistics: (!is_edge).then(|| counts.service()),
                    service_forecast_statistics: None,
                    response_time_histogram: Some(counts.histogram()),
                },
            )
            .collect()
    }
}
