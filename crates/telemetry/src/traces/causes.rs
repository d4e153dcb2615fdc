//! Why a request failed or was slow: the way from the first segment down to where it began.

use super::analysis::{Analysis, ServiceName};
use super::filter::Cause;

/// A way down to where something began.
pub(super) struct RootCause {
    /// From the first service to the last.
    pub(super) services: Vec<CauseService>,
    /// Seconds that the first segment took.
    pub(super) response_time: f64,
    /// Whether whoever called the first service was told of it.
    pub(super) is_client_impacting: bool,
}

pub(super) struct CauseService {
    pub(super) service: ServiceName,
    pub(super) is_inferred: bool,
    /// The nodes of this service on the way.
    pub(super) path: Vec<usize>,
}

/// Causes that one trace is asked for.
const CAUSES_MAX: usize = 10;

/// The root causes of one kind.
///
/// - Of failures: each node that failed with nothing below it that failed in this way.
/// - Of the response time: at each step down, what took longest.
pub(super) fn root_causes(trace: &Analysis, cause: Cause) -> Vec<RootCause> {
    let mut children = vec![Vec::new(); trace.nodes.len()];
    for (number, node) in trace.nodes.iter().enumerate() {
        if let Some(parent) = node.parent {
            children[parent].push(number);
        }
    }
    let Some(root) = trace.root else {
        return Vec::new();
    };
    let leaves: Vec<usize> = match cause {
        Cause::ResponseTime => {
            let mut at = root;
            // A step goes down, so there are at most as many as nodes.
            while let Some(next) = children[at].iter().copied().max_by_key(|child| {
                let child = &trace.nodes[*child];
                child.end_ms.unwrap_or(child.start_ms) - child.start_ms
            }) {
                at = next;
            }
            vec![at]
        }
        _ => (0..trace.nodes.len())
            .filter(|number| cause.is_of(trace.nodes[*number].flags))
            .filter(|number| {
                !children[*number]
                    .iter()
                    .any(|child| cause.is_of(trace.nodes[*child].flags))
            })
            .take(CAUSES_MAX)
            .collect(),
    };
    let top = &trace.nodes[root];
    leaves
        .into_iter()
        .map(|leaf| RootCause {
            services: way_to(trace, leaf),
            response_time: top.response_time().unwrap_or_default(),
            is_client_impacting: cause.is_of(top.flags),
        })
        .collect()
}

fn way_to(trace: &Analysis, leaf: usize) -> Vec<CauseService> {
    let mut way = vec![leaf];
    // INVARIANT: parents make no ring.
    while let Some(parent) = trace.nodes[way[way.len() - 1]].parent {
        way.push(parent);
    }
    way.reverse();
    let mut services: Vec<CauseService> = Vec::new();
    for node in way {
        if trace.nodes[node].is_entry || services.is_empty() {
            services.push(CauseService {
                service: trace.service_of(node).clone(),
                is_inferred: false,
                path: Vec::new(),
            });
        }
        if let Some(last) = services.last_mut() {
            last.path.push(node);
        }
    }
    let inferred = trace
        .services
        .iter()
        .find(|service| service.node == leaf && service.is_inferred);
    if let Some(inferred) = inferred {
        services.push(CauseService {
            service: inferred.service.clone(),
            is_inferred: true,
            path: vec![leaf],
        });
    }
    services
}
