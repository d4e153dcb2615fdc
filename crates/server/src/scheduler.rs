//! EventBridge Scheduler operations: REST-JSON.

use serde::Serialize;
use stepwell_api::Reply;
use stepwell_api::scheduler::{self, Operation, Routed};
use stepwell_service::{Answered, Reader, Refusal, Request, SchedulerRequest};
use stepwell_store::Error as StoreError;

use crate::inbox::{RATE_EXCEEDED, Refused};
use crate::shard::{FAILED, Handle};

/// Answers one request.
pub(crate) async fn answer(
    handle: &Handle,
    routed: &Routed,
    body: Vec<u8>,
    request_id: &str,
) -> Reply {
    match dispatch(handle, routed, body).await {
        // INVARIANT: no operation binds a member of its output to anything but the body, and all answer 200.
        Ok(body) => Reply {
            status: 200,
            headers: vec![
                ("x-amzn-requestid", request_id.to_string()),
                ("content-type", scheduler::CONTENT_TYPE.to_string()),
            ],
            body,
        },
        Err(error) => error.reply(request_id),
    }
}

async fn dispatch(
    handle: &Handle,
    routed: &Routed,
    body: Vec<u8>,
) -> Result<Vec<u8>, scheduler::Error> {
    use SchedulerRequest as Change;
    let change = match routed.operation {
        Operation::CreateSchedule => Change::CreateSchedule(Box::new(decoded(routed, body)?)),
        Operation::UpdateSchedule => Change::UpdateSchedule(Box::new(decoded(routed, body)?)),
        Operation::DeleteSchedule => Change::DeleteSchedule(decoded(routed, body)?),
        Operation::CreateScheduleGroup => Change::CreateScheduleGroup(decoded(routed, body)?),
        Operation::DeleteScheduleGroup => Change::DeleteScheduleGroup(decoded(routed, body)?),
        Operation::TagResource => Change::TagResource(decoded(routed, body)?),
        Operation::UntagResource => Change::UntagResource(decoded(routed, body)?),
        Operation::GetSchedule
        | Operation::ListSchedules
        | Operation::GetScheduleGroup
        | Operation::ListScheduleGroups
        | Operation::ListTagsForResource => return read(&handle.reader(), routed, body),
    };
    send(handle, change).await
}

fn read(reader: &Reader, routed: &Routed, body: Vec<u8>) -> Result<Vec<u8>, scheduler::Error> {
    tokio::task::block_in_place(|| match routed.operation {
        Operation::GetSchedule => found(reader.get_schedule(&decoded(routed, body)?)),
        Operation::ListSchedules => found(reader.list_schedules(&decoded(routed, body)?)),
        Operation::GetScheduleGroup => found(reader.get_schedule_group(&decoded(routed, body)?)),
        Operation::ListScheduleGroups => {
            found(reader.list_schedule_groups(&decoded(routed, body)?))
        }
        Operation::ListTagsForResource => found(reader.list_schedule_tags(&decoded(routed, body)?)),
        operation => Err(scheduler::Error::not_implemented(format!(
            "Stepwell does not implement EventBridge Scheduler {} yet",
            operation.name()
        ))),
    })
}

/// No operation binds a member to a header.
fn decoded<T: stepwell_api::Input>(routed: &Routed, body: Vec<u8>) -> Result<T, scheduler::Error> {
    scheduler::decode(routed, &|_| None, body)
}

async fn send(handle: &Handle, change: SchedulerRequest) -> Result<Vec<u8>, scheduler::Error> {
    let receiver = handle
        .send(Request::Scheduler(change))
        .map_err(|refused| match refused {
            Refused::Full => scheduler::Error::throttling_exception(RATE_EXCEEDED),
            Refused::Unavailable(text) => scheduler::Error::service_unavailable(text),
            Refused::Failed => scheduler::Error::internal_server_exception(FAILED),
        })?;
    match receiver.await {
        Ok(Ok(Answered::Scheduler(body))) => Ok(body),
        Ok(Err(Refusal::Scheduler(error))) => Err(error),
        Ok(_) => unreachable!("the service answers an operation of the Scheduler as one"),
        Err(_) => Err(scheduler::Error::internal_server_exception(FAILED)),
    }
}

fn found<T: Serialize>(
    read: Result<Result<T, Refusal>, StoreError>,
) -> Result<Vec<u8>, scheduler::Error> {
    match read {
        Ok(Ok(output)) => {
            Ok(serde_json::to_vec(&output).expect("a generated shape has text keys only"))
        }
        Ok(Err(Refusal::Scheduler(error))) => Err(error),
        Ok(Err(_)) => unreachable!("the service answers an operation of the Scheduler as one"),
        Err(error) => Err(scheduler::Error::internal_server_exception(
            error.to_string(),
        )),
    }
}
