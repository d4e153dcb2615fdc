//! From the engine's effects to those of the shard.

use stepwell_engine::{Call, CallPattern, Effect as EngineEffect, Input, Ticket, Timestamp};

use crate::command::{Effect, FunctionCall};
use crate::deliveries::unawaited;
use crate::events::put_call;
use crate::integration;
use crate::shard::{Done, Shard};
use crate::tasks::{self, Refused};

impl Shard {
    /// Turns an effect of the engine into one of the shard.
    pub(crate) fn release(
        &mut self,
        now: Timestamp,
        number: u64,
        effect: EngineEffect,
        trace_header: Option<&str>,
    ) -> Done<()> {
        match effect {
            EngineEffect::Cancel(ticket) => {
                self.nested_cancelled(number, ticket)?;
                if !self.unqueue_task(number, ticket)? {
                    self.release_effect(Effect::CancelTask {
                        execution: number,
                        ticket,
                    });
                }
            }
            EngineEffect::StartMapRun(run) => self.start_map_run(now, number, *run)?,
            EngineEffect::RedriveMapRun { before, ticket } => {
                self.redrive_map_run(now, number, before, ticket)?
            }
            EngineEffect::StopMapRun(ticket) => self.stop_map_run(now, number, ticket)?,
            EngineEffect::Call(call) => {
                // An earlier call of the same transition may have ended the execution.
                let is_open = self.residents.get(number).is_some_and(|resident| {
                    resident.row.execution.scheduled_at(call.ticket).is_some()
                });
                if is_open {
                    self.release_call(now, number, *call, trace_header, false)?;
                }
            }
        }
        Ok(())
    }

    /// Releases a call, or fails its task at once where nobody can perform it.
    ///
    /// - `is_recovered`: a recovery makes the call again.
    pub(crate) fn release_call(
        &mut self,
        now: Timestamp,
        number: u64,
        call: Call,
        trace_header: Option<&str>,
        is_recovered: bool,
    ) -> Done<()> {
        let ticket = call.ticket;
        if call.pattern == CallPattern::Activity {
            return self.queue_task(now, number, ticket, &call.resource);
        }
        match put_call(number, &call) {
            None => {}
            Some(Ok(call)) => {
                self.queue_put_task(call);
                return Ok(());
            }
            Some(Err(refused)) => return self.fail_call(now, number, ticket, refused),
        }
        let trace_header = trace_header.map(|header| self.call_header(number, ticket, header));
        let service_call = integration::service_call(&self.catalogue, number, &call);
        let effect = match service_call {
            Some(prepared) => prepared.map(|mut call| {
                if let Some(header) = &trace_header {
                    call.trace(header);
                }
                Effect::CallService(Box::new(call))
            }),
            None => tasks::function_call(number, call, trace_header.as_deref())
                .map(|call| FunctionCall {
                    is_recovered,
                    ..call
                })
                .map(|call| Effect::InvokeFunction(Box::new(call))),
        };
        match effect {
            Ok(Effect::InvokeFunction(call)) if unawaited(&call).is_some() => {
                self.queue_event_task(*call);
                Ok(())
            }
            Ok(effect) => {
                self.release_effect(effect);
                Ok(())
            }
            Err(refused) => self.fail_call(now, number, ticket, refused),
        }
    }

    fn fail_call(
        &mut self,
        now: Timestamp,
        number: u64,
        ticket: Ticket,
        refused: Refused,
    ) -> Done<()> {
        let failed = Input::Failed {
            ticket,
            error: Some(refused.error.to_string()),
            cause: Some(refused.cause),
        };
        self.advance(now, number, failed)
    }
}
