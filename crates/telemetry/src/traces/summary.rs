//! A trace in a few words, as GetTraceSummaries gives it.

use std::collections::BTreeMap;

use stepwell_api::{EpochSeconds, xray};

use super::analysis::{Analysis, Annotation, ServiceName};
use super::causes::{CauseService, root_causes};
use super::filter::Cause;
use super::operations::seconds;

pub(super) fn summary(trace: &Analysis) -> xray::TraceSummary {
    let root = trace.root();
    let flags = root.map(|root| root.flags).unwrap_or_default();
    let http = root
        .map(|root| &root.http)
        .filter(|http| **http != Default::default());
    xray::TraceSummary {
        id: Some(trace.id.to_string()),
        start_time: Some(EpochSeconds::from_ms(trace.start_ms)),
        duration: Some(seconds(trace.end_ms - trace.start_ms)),
        response_time: root.and_then(|root| root.response_time()),
        has_fault: Some(flags.fault),
        has_error: Some(flags.error),
        has_throttle: Some(flags.throttle),
        is_partial: Some(trace.is_partial()),
        http: Some(http.map_or_else(xray::Http::default, |http| xray::Http {
            http_url: http.url.clone(),
            http_status: http.status,
            http_method: http.method.clone(),
            user_agent: http.user_agent.clone(),
            client_ip: http.client_ip.clone(),
        })),
        annotations: Some(annotations(trace)),
        users: Some(users(trace)),
        service_ids: Some(distinct(
            trace.services.iter().map(|service| &service.service),
        )),
        resource_ar_ns: Some(
            texts(trace, |node| &node.resources)
                .into_iter()
                .map(|arn| xray::ResourceARNDetail { arn: Some(arn) })
                .collect(),
        ),
        instance_ids: Some(
            texts(trace, |node| node.instance_id.as_slice())
                .into_iter()
                .map(|id| xray::InstanceIdDetail { id: Some(id) })
                .collect(),
        ),
        availability_zones: Some(
            texts(trace, |node| node.zone.as_slice())
                .into_iter()
                .map(|name| xray::AvailabilityZoneDetail { name: Some(name) })
                .collect(),
        ),
        entry_point: trace.root.map(|root| service_id(trace.service_of(root))),
        fault_root_causes: Some(fault_root_causes(trace)),
        error_root_causes: Some(error_root_causes(trace)),
        response_time_root_causes: Some(response_time_root_causes(trace)),
        revision: Some(i32::try_from(trace.revision).unwrap_or(i32::MAX)),
        matched_event_time: Some(EpochSeconds::from_ms(trace.start_ms)),
    }
}

pub(super) fn service_id(service: &ServiceName) -> xray::ServiceId {
    xray::ServiceId {
        name: Some(service.name.clone()),
        names: Some(vec![service.name.clone()]),
        account_id: service.account_id.clone(),
        r#type: service.kind.clone(),
    }
}

fn distinct<'t>(services: impl Iterator<Item = &'t ServiceName>) -> Vec<xray::ServiceId> {
    let mut known: Vec<&ServiceName> = services.collect();
    known.sort_unstable();
    known.dedup();
    known.into_iter().map(service_id).collect()
}

fn texts<'t>(
    trace: &'t Analysis,
    of: impl Fn(&'t super::analysis::Node) -> &'t [String],
) -> Vec<String> {
    let mut texts: Vec<String> = trace.nodes.iter().flat_map(of).cloned().collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

fn annotations(trace: &Analysis) -> BTreeMap<String, Vec<xray::ValueWithServiceIds>> {
    let mut all: BTreeMap<String, Vec<(&Annotation, Vec<&ServiceName>)>> = BTreeMap::new();
    for (number, node) in trace.nodes.iter().enumerate() {
        for (key, value) in &node.annotations {
            let values = all.entry(key.clone()).or_default();
            let service = trace.service_of(number);
            match values.iter_mut().find(|(known, _)| *known == value) {
                Some((_, services)) => services.push(service),
                None => values.push((value, vec![service])),
            }
        }
    }
    all.into_iter()
        .map(|(key, values)| {
            let values = values
                .into_iter()
                .map(|(value, services)| xray::ValueWithServiceIds {
                    annotation_value: Some(annotation_value(value)),
                    service_ids: Some(distinct(services.into_iter())),
                })
                .collect();
            (key, values)
        })
        .collect()
}

fn annotation_value(value: &Annotation) -> xray::AnnotationValue {
    let mut shown = xray::AnnotationValue::default();
    match value {
        Annotation::Text(text) => shown.string_value = Some(text.clone()),
        Annotation::Number(number) => shown.number_value = Some(*number),
        Annotation::Boolean(boolean) => shown.boolean_value = Some(*boolean),
    }
    shown
}

fn users(trace: &Analysis) -> Vec<xray::TraceUser> {
    texts(trace, |node| node.user.as_slice())
        .into_iter()
        .map(|user| {
            let services = (0..trace.nodes.len())
                .filter(|number| trace.nodes[*number].user.as_ref() == Some(&user))
                .map(|number| trace.service_of(number));
            xray::TraceUser {
                service_ids: Some(distinct(services)),
                user_name: Some(user),
            }
        })
        .collect()
}

/// Causes of failures have the same shape under two names.
macro_rules! failure_causes {
    ($name:ident, $cause:expr, $root:ident, $service:ident, $entity:ident) => {
        fn $name(trace: &Analysis) -> Vec<xray::$root> {
            let service = |service: CauseService| xray::$service {
                name: Some(service.service.name.clone()),
                names: Some(vec![service.service.name]),
                r#type: service.service.kind,
                account_id: service.service.account_id,
                entity_path: Some(
                    service
                        .path
                        .into_iter()
                        .map(|node| {
                            let node = &trace.nodes[node];
                            xray::$entity {
                                name: Some(node.name.clone()),
                                exceptions: Some(exceptions(node)),
                                remote: Some(node.namespace.is_some()),
                            }
                        })
                        .collect(),
                ),
                inferred: Some(service.is_inferred),
            };
            root_causes(trace, $cause)
                .into_iter()
                .map(|root| xray::$root {
                    services: Some(root.services.into_iter().map(service).collect()),
                    client_impacting: Some(root.is_client_impacting),
                })
                .collect()
        }
    };
}

failure_causes!(
    fault_root_causes,
    Cause::Fault,
    FaultRootCause,
    FaultRootCauseService,
    FaultRootCauseEntity
);
failure_causes!(
    error_root_causes,
    Cause::Error,
    ErrorRootCause,
    ErrorRootCauseService,
    ErrorRootCauseEntity
);

fn exceptions(node: &super::analysis::Node) -> Vec<xray::RootCauseException> {
    node.exceptions
        .iter()
        .map(|exception| xray::RootCauseException {
            name: exception.name.clone(),
            message: exception.message.clone(),
        })
        .collect()
}

fn response_time_root_causes(trace: &Analysis) -> Vec<xray::ResponseTimeRootCause> {
    root_causes(trace, Cause::ResponseTime)
        .into_iter()
        .map(|root| {
            let whole = root.response_time;
            let coverage =
                |taken: Option<f64>| taken.filter(|_| whole > 0.0).map(|taken| taken / whole);
            let service = |service: CauseService| xray::ResponseTimeRootCauseService {
                name: Some(service.service.name.clone()),
                names: Some(vec![service.service.name]),
                r#type: service.service.kind,
                account_id: service.service.account_id,
                entity_path: Some(
                    service
                        .path
                        .into_iter()
                        .map(|node| {
                            let node = &trace.nodes[node];
                            xray::ResponseTimeRootCauseEntity {
                                name: Some(node.name.clone()),
                                coverage: coverage(node.response_time()),
                                remote: Some(node.namespace.is_some()),
                            }
                        })
                        .collect(),
                ),
                inferred: Some(service.is_inferred),
            };
            xray::ResponseTimeRootCause {
                services: Some(root.services.into_iter().map(service).collect()),
                client_impacting: Some(root.is_client_impacting),
            }
        })
        .collect()
}
