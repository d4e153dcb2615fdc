//! The trace of an invocation: whether there is one, and the header that the handler gets.

use std::sync::{Arc, Mutex, PoisonError};

use stepwell_service::{Asked, Sampler, SamplingRuleRow};
use stepwell_store::Error;
use stepwell_telemetry::{SegmentId, TraceHeader, TraceId};

use super::prepared::Prepared;
use super::{Functions, draw};
use crate::shard::now;
use crate::trace_emission::invocation_ids;

/// AWS: the type of the service that a function is, as sampling rules name it.
const SERVICE_TYPE: &str = "AWS::Lambda::Function";

/// What is sampled of the invocations that nobody has decided about.
#[derive(Default)]
pub(crate) struct FunctionSampler {
    sampler: Mutex<Sampler>,
    rules: Mutex<Rules>,
}

/// The sampling rules as they were read last.
#[derive(Default)]
struct Rules {
    /// [`crate::shard::Handle::functions_changed`] before they were read.
    changed: u64,
    kept: Option<Arc<[SamplingRuleRow]>>,
}

impl FunctionSampler {
    /// The rules; read only if something has changed since.
    ///
    /// - `changed`: asked before, so that what is kept is never older than its number says.
    fn rules(
        &self,
        changed: u64,
        read: impl FnOnce() -> Result<Vec<SamplingRuleRow>, Error>,
    ) -> Result<Arc<[SamplingRuleRow]>, Error> {
        let lock = || self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let rules = lock();
            if let Some(kept) = rules.kept.as_ref().filter(|_| rules.changed == changed) {
                return Ok(Arc::clone(kept));
            }
        }
        let read: Arc<[SamplingRuleRow]> = read()?.into();
        let mut rules = lock();
        // Another reader may have seen a later change.
        if rules.kept.is_none() || rules.changed < changed {
            *rules = Rules {
                changed,
                kept: Some(Arc::clone(&read)),
            };
        }
        Ok(read)
    }
}

/// The headers of one invocation.
pub(super) struct InvocationTrace {
    /// As its caller gave it, and with a decision if the function is traced.
    pub(super) of_caller: Option<String>,
    /// As the handler gets it: below the function's own segment, if there is one.
    pub(super) of_handler: Option<String>,
    /// Whether the invocation has segments.
    pub(super) has_segments: bool,
}

impl Functions {
    /// - `attempt`: of an event from the queue.
    ///
    /// AWS: a function with `Tracing: Active` is sampled if nobody before has decided; one with `PassThrough` hands on
    /// what it gets (docs.aws.amazon.com/lambda/latest/dg/services-xray.html).
    pub(super) fn trace(
        &self,
        prepared: &Prepared,
        given: Option<String>,
        request_id: &str,
        attempt: Option<u32>,
    ) -> InvocationTrace {
        if !prepared.is_traced {
            return InvocationTrace {
                of_handler: given.clone(),
                of_caller: given,
                has_segments: false,
            };
        }
        let read = given.as_deref().and_then(TraceHeader::parse);
        let mut header = read.unwrap_or_else(|| TraceHeader {
            root: new_trace_id(),
            parent: None,
            sampled: None,
        });
        if header.sampled.is_none() {
            header.sampled = Some(self.samples(prepared));
        }
        let has_segments = header.is_sampled();
        let (_, function_id) = invocation_ids(request_id, attempt);
        let mut of_handler = TraceHeader {
            parent: if has_segments {
                Some(function_id)
            } else {
                header.parent
            },
            ..header
        }
        .to_string();
        if let Some(lineage) = given.as_deref().and_then(lineage_of) {
            of_handler.push(';');
            of_handler.push_str(lineage);
        }
        InvocationTrace {
            of_caller: Some(header.to_string()),
            of_handler: Some(of_handler),
            has_segments,
        }
    }

    fn samples(&self, prepared: &Prepared) -> bool {
        // Rules that cannot be read: the store has failed, and everybody says so.
        let changed = self.handle.functions_changed();
        let read = || self.handle.reader().sampling_rules();
        let Ok(rules) = self.function_sampler.rules(changed, read) else {
            return false;
        };
        let asked = Asked {
            resource_arn: &prepared.configuration.function_arn,
            service_name: &prepared.configuration.function_name,
            service_type: SERVICE_TYPE,
            host: "",
            http_method: "",
            url_path: "",
        };
        let sampler = &self.function_sampler.sampler;
        let mut sampler = sampler.lock().unwrap_or_else(PoisonError::into_inner);
        sampler.samples(&rules, now(), &asked, draw())
    }
}

fn lineage_of(header: &str) -> Option<&str> {
    header
        .split(';')
        .map(str::trim)
        .find(|part| part.starts_with("Lineage="))
}

/// AWS: the time of the request, and 96 random bits.
fn new_trace_id() -> TraceId {
    let seconds = u32::try_from(now().as_millis() / 1_000).unwrap_or_default();
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&seconds.to_be_bytes());
    bytes[4..8].copy_from_slice(&draw().to_be_bytes()[..4]);
    bytes[8..].copy_from_slice(&SegmentId(draw()).0.to_be_bytes());
    TraceId::of_w3c(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_again_when_something_has_changed_and_only_then() {
        let sampler = FunctionSampler::default();
        let mut reads = 0;
        for (changed, expected) in [(0, 1), (0, 1), (3, 2), (3, 2), (2, 3), (3, 3)] {
            let rules = sampler.rules(changed, || {
                reads += 1;
                Ok(Vec::new())
            });
            assert!(rules.expect("they are read").is_empty());
            assert_eq!(reads, expected, "{changed}");
        }
    }
}
