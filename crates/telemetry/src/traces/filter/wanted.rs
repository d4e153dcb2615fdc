//! Whether a trace is wanted.

use super::super::analysis::{Analysis, Annotation, Edge, Flags, Node, ServiceName, ServiceNode};
use super::super::causes::{RootCause, root_causes};
use super::super::operations::seconds;
use super::{Cause, Expression, Keyword, Literal, Operator, Part, Selector, TraceFilter};

impl TraceFilter {
    pub(in super::super) fn wants(&self, trace: &Analysis) -> bool {
        holds(&self.expression, trace, &Scope::Trace)
    }

    /// The services that the expression asks for with `service(...)` at its top, or the calls with `edge(...)`.
    ///
    /// - `None`: it asks for neither.
    pub(in super::super) fn selected(&self, trace: &Analysis) -> Option<Selected> {
        match &self.expression {
            Expression::Service(selector, inner) => {
                let services = (0..trace.services.len()).filter(|number| {
                    let service = &trace.services[*number];
                    is_selected(selector, &service.service)
                        && inner_holds(inner.as_deref(), trace, &Scope::Service(service))
                });
                Some(Selected::Services(services.collect()))
            }
            Expression::Edge(from, to, inner) => {
                let edges = (0..trace.edges.len()).filter(|number| {
                    let edge = &trace.edges[*number];
                    is_call(trace, edge, from, to)
                        && inner_holds(inner.as_deref(), trace, &Scope::Edge(edge))
                });
                Some(Selected::Edges(edges.collect()))
            }
            _ => None,
        }
    }
}

/// Indices into what an analysis has.
pub(in super::super) enum Selected {
    Services(Vec<usize>),
    Edges(Vec<usize>),
}

/// What a condition is about.
enum Scope<'a> {
    Trace,
    Service(&'a ServiceNode),
    Edge(&'a Edge),
    /// One service, or one segment or subsegment, of a root cause.
    Cause(&'a RootCause, &'a ServiceName, Option<&'a Node>),
}

/// The depth is that of the expression, which is bounded.
fn holds(expression: &Expression, trace: &Analysis, scope: &Scope<'_>) -> bool {
    match expression {
        Expression::All(all) => all.iter().all(|one| holds(one, trace, scope)),
        Expression::Any(any) => any.iter().any(|one| holds(one, trace, scope)),
        Expression::Not(inner) => !holds(inner, trace, scope),
        Expression::Holds(keyword) if keyword.is_boolean() => is_true(keyword, trace, scope),
        Expression::Holds(keyword) => !values(keyword, trace, scope).is_empty(),
        Expression::Compares(keyword, operator, Literal::Boolean(wanted))
            if keyword.is_boolean() =>
        {
            let is_equal = is_true(keyword, trace, scope) == *wanted;
            is_equal == (*operator == Operator::Equal)
        }
        Expression::Compares(keyword, operator, literal) => values(keyword, trace, scope)
            .iter()
            .any(|value| compares(value, *operator, literal)),
        Expression::Service(selector, inner) => trace.services.iter().any(|service| {
            is_in(service, scope)
                && is_selected(selector, &service.service)
                && inner_holds(inner.as_deref(), trace, &Scope::Service(service))
        }),
        Expression::Edge(from, to, inner) => trace.edges.iter().any(|edge| {
            is_call(trace, edge, from, to)
                && inner_holds(inner.as_deref(), trace, &Scope::Edge(edge))
        }),
        Expression::RootCause(cause, part, inner) => {
            let inner = inner.as_deref();
            root_causes(trace, *cause).iter().any(|root| match part {
                Part::Service => root.services.iter().any(|service| {
                    let scope = Scope::Cause(root, &service.service, None);
                    inner_holds(inner, trace, &scope)
                }),
                Part::Entity => root.services.iter().any(|service| {
                    service.path.iter().any(|node| {
                        let node = Some(&trace.nodes[*node]);
                        inner_holds(inner, trace, &Scope::Cause(root, &service.service, node))
                    })
                }),
            })
        }
    }
}

fn inner_holds(inner: Option<&Expression>, trace: &Analysis, scope: &Scope<'_>) -> bool {
    inner.is_none_or(|inner| holds(inner, trace, scope))
}

/// `service("x")` inside a root cause is about that cause, elsewhere about the whole trace.
fn is_in(service: &ServiceNode, scope: &Scope<'_>) -> bool {
    match scope {
        Scope::Cause(_, name, _) => service.service == **name,
        _ => true,
    }
}

fn is_selected(selector: &Selector, service: &ServiceName) -> bool {
    let is = |wanted: &Option<String>, found: Option<&str>| {
        wanted.is_none() || wanted.as_deref() == found
    };
    is(&selector.name, Some(&service.name))
        && is(&selector.kind, service.kind.as_deref())
        && is(&selector.account_id, service.account_id.as_deref())
}

fn is_call(trace: &Analysis, edge: &Edge, from: &Selector, to: &Selector) -> bool {
    let is_any = *from == Selector::default();
    let is_from = match edge.from {
        Some(number) => is_selected(from, &trace.services[number].service),
        None => is_any,
    };
    is_from && is_selected(to, &trace.services[edge.to].service)
}

/// The node that answers for a scope.
fn node<'t>(trace: &'t Analysis, scope: &Scope<'t>) -> Option<&'t Node> {
    match scope {
        Scope::Trace => trace.root(),
        Scope::Service(service) => Some(&trace.nodes[service.node]),
        Scope::Edge(edge) => Some(&trace.nodes[edge.seen]),
        Scope::Cause(_, _, node) => *node,
    }
}

fn is_true(keyword: &Keyword, trace: &Analysis, scope: &Scope<'_>) -> bool {
    let found = node(trace, scope);
    let flags = found.map_or(Flags::default(), |node| node.flags);
    match keyword {
        Keyword::Ok => found.is_some() && flags.is_ok(),
        Keyword::Error => flags.error,
        Keyword::Throttle => flags.throttle,
        Keyword::Fault => flags.fault,
        Keyword::Partial => match scope {
            Scope::Trace => trace.is_partial(),
            _ => found.is_some_and(|node| node.end_ms.is_none()),
        },
        Keyword::Inferred => matches!(scope, Scope::Service(service) if service.is_inferred),
        Keyword::Remote => found.is_some_and(|node| node.namespace.as_deref() == Some("remote")),
        Keyword::Root | Keyword::First => match scope {
            Scope::Service(service) => Some(service.node) == trace.root,
            Scope::Cause(cause, name, _) => cause
                .services
                .first()
                .is_some_and(|first| first.service == **name),
            _ => true,
        },
        Keyword::Last => match scope {
            Scope::Cause(cause, name, _) => cause
                .services
                .last()
                .is_some_and(|last| last.service == **name),
            _ => true,
        },
        _ => false,
    }
}

/// All values that a keyword has in a scope: one that fits is enough.
fn values(keyword: &Keyword, trace: &Analysis, scope: &Scope<'_>) -> Vec<Annotation> {
    let found = node(trace, scope);
    let text = |value: Option<&String>| -> Vec<Annotation> {
        value.cloned().map(Annotation::Text).into_iter().collect()
    };
    let number = |value: Option<f64>| -> Vec<Annotation> {
        value.map(Annotation::Number).into_iter().collect()
    };
    match keyword {
        Keyword::ResponseTime => number(found.and_then(Node::response_time)),
        Keyword::Duration => number(Some(seconds(trace.end_ms - trace.start_ms))),
        Keyword::Coverage => number(match scope {
            Scope::Cause(cause, _, Some(node)) => node
                .response_time()
                .filter(|_| cause.response_time > 0.0)
                .map(|taken| taken / cause.response_time),
            _ => None,
        }),
        Keyword::HttpStatus => number(found.and_then(|node| node.http.status).map(f64::from)),
        Keyword::HttpUrl => text(found.and_then(|node| node.http.url.as_ref())),
        Keyword::HttpMethod => text(found.and_then(|node| node.http.method.as_ref())),
        Keyword::HttpUserAgent => text(found.and_then(|node| node.http.user_agent.as_ref())),
        Keyword::HttpClientIp => text(found.and_then(|node| node.http.client_ip.as_ref())),
        Keyword::Name => match scope {
            Scope::Cause(_, service, None) => text(Some(&service.name)),
            _ => text(found.map(|node| &node.name)),
        },
        Keyword::Type => match scope {
            Scope::Service(service) => text(service.service.kind.as_ref()),
            Scope::Cause(_, service, _) => text(service.kind.as_ref()),
            _ => text(
                trace
                    .root
                    .and_then(|root| trace.service_of(root).kind.as_ref()),
            ),
        },
        Keyword::AccountId => services(trace, scope)
            .into_iter()
            .filter_map(|service| service.account_id.clone())
            .map(Annotation::Text)
            .collect(),
        Keyword::Message => nodes(trace, scope)
            .into_iter()
            .flat_map(|node| &node.exceptions)
            .filter_map(|exception| exception.message.clone())
            .map(Annotation::Text)
            .collect(),
        Keyword::User => of_nodes(trace, scope, |node| node.user.as_slice()),
        Keyword::AvailabilityZone => of_nodes(trace, scope, |node| node.zone.as_slice()),
        Keyword::InstanceId => of_nodes(trace, scope, |node| node.instance_id.as_slice()),
        Keyword::ResourceArn => of_nodes(trace, scope, |node| &node.resources),
        Keyword::Annotation(key) => nodes(trace, scope)
            .into_iter()
            .flat_map(|node| &node.annotations)
            .filter(|(found, _)| found == key)
            .map(|(_, value)| value.clone())
            .collect(),
        _ => Vec::new(),
    }
}

/// The nodes whose annotations and users count for a scope.
fn nodes<'t>(trace: &'t Analysis, scope: &Scope<'t>) -> Vec<&'t Node> {
    let inside = |top: usize| {
        trace
            .inside(top)
            .into_iter()
            .map(|node| &trace.nodes[node])
            .collect()
    };
    match scope {
        Scope::Trace => trace.nodes.iter().collect(),
        Scope::Service(service) => inside(service.node),
        Scope::Edge(edge) => inside(edge.seen),
        Scope::Cause(_, _, node) => node.iter().copied().collect(),
    }
}

fn services<'t>(trace: &'t Analysis, scope: &Scope<'t>) -> Vec<&'t ServiceName> {
    match scope {
        Scope::Service(service) => vec![&service.service],
        Scope::Cause(_, service, _) => vec![*service],
        Scope::Edge(edge) => vec![&trace.services[edge.to].service],
        Scope::Trace => trace
            .services
            .iter()
            .map(|service| &service.service)
            .collect(),
    }
}

fn of_nodes(
    trace: &Analysis,
    scope: &Scope<'_>,
    of: impl Fn(&Node) -> &[String],
) -> Vec<Annotation> {
    nodes(trace, scope)
        .into_iter()
        .flat_map(of)
        .cloned()
        .map(Annotation::Text)
        .collect()
}

#[expect(clippy::float_cmp, reason = "a number equals what was written")]
fn compares(value: &Annotation, operator: Operator, literal: &Literal) -> bool {
    match (value, literal) {
        (Annotation::Text(value), Literal::Text(wanted)) => match operator {
            Operator::Equal => value == wanted,
            Operator::NotEqual => value != wanted,
            Operator::Contains => value.contains(wanted.as_str()),
            Operator::BeginsWith => value.starts_with(wanted.as_str()),
            Operator::EndsWith => value.ends_with(wanted.as_str()),
            _ => false,
        },
        (Annotation::Number(value), Literal::Number(wanted)) => match operator {
            Operator::Equal => value == wanted,
            Operator::NotEqual => value != wanted,
            Operator::Less => value < wanted,
            Operator::LessOrEqual => value <= wanted,
            Operator::Greater => value > wanted,
            Operator::GreaterOrEqual => value >= wanted,
            _ => false,
        },
        (Annotation::Boolean(value), Literal::Boolean(wanted)) => match operator {
            Operator::Equal => value == wanted,
            Operator::NotEqual => value != wanted,
            _ => false,
        },
        _ => operator == Operator::NotEqual,
    }
}

impl Cause {
    /// Whether a request ended in this way.
    pub(in super::super) fn is_of(self, flags: Flags) -> bool {
        match self {
            Cause::ResponseTime => true,
            Cause::Fault => flags.fault,
            Cause::Error => flags.error,
            Cause::Throttle => flags.throttle,
        }
    }
}
