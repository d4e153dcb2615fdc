//! IAM and STS operations: a form comes in, XML goes out.

use serde::Serialize;
use serde_json::Value;
use stepwell_api::{Form, Reply, iam, sts};
use stepwell_service::{Answered, IamRequest, Reader, Refusal, Request};
use stepwell_store::Error as StoreError;

use crate::access::{Access, Sender};
use crate::inbox::{RATE_EXCEEDED, Refused};
use crate::shard::{FAILED, Handle, entropy};

/// Answers a request of the query protocol; `None` where it is for neither service.
pub(crate) async fn answer(
    handle: &Handle,
    access: &Access,
    sender: &Sender,
    form: &Form,
    request_id: &str,
) -> Option<Reply> {
    // AWS: an address tells services apart. Here all share one, and the version does.
    match form.version() {
        Some(iam::VERSION) => Some(iam_reply(handle, form, request_id).await),
        Some(sts::VERSION) => Some(
            sts::operation(form)
                .and_then(|operation| {
                    let output = sts_output(&handle.reader(), access, sender, operation, form)?;
                    Ok(sts::reply(operation, request_id, &output))
                })
                .unwrap_or_else(|error| error.reply(request_id)),
        ),
        _ => None,
    }
}

async fn iam_reply(handle: &Handle, form: &Form, request_id: &str) -> Reply {
    let operation = match iam::operation(form) {
        Ok(operation) => operation,
        Err(error) => return error.reply(request_id),
    };
    match dispatch(handle, operation, form).await {
        Ok(output) => iam::reply(operation, request_id, &output),
        Err(error) => error.reply(request_id),
    }
}

async fn dispatch(
    handle: &Handle,
    operation: iam::Operation,
    form: &Form,
) -> Result<Value, iam::Error> {
    use iam::Operation;
    let request = match operation {
        Operation::CreateRole => IamRequest::CreateRole(iam::decode(form)?),
        Operation::UpdateRole => IamRequest::UpdateRole(iam::decode(form)?),
        Operation::UpdateAssumeRolePolicy => IamRequest::UpdateAssumeRolePolicy(iam::decode(form)?),
        Operation::DeleteRole => IamRequest::DeleteRole(iam::decode(form)?),
        Operation::TagRole => IamRequest::TagRole(iam::decode(form)?),
        Operation::UntagRole => IamRequest::UntagRole(iam::decode(form)?),
        Operation::PutRolePolicy => IamRequest::PutRolePolicy(iam::decode(form)?),
        Operation::DeleteRolePolicy => IamRequest::DeleteRolePolicy(iam::decode(form)?),
        Operation::AttachRolePolicy => IamRequest::AttachRolePolicy(iam::decode(form)?),
        Operation::DetachRolePolicy => IamRequest::DetachRolePolicy(iam::decode(form)?),
        Operation::CreatePolicy => IamRequest::CreatePolicy(iam::decode(form)?),
        Operation::DeletePolicy => IamRequest::DeletePolicy(iam::decode(form)?),
        Operation::TagPolicy => IamRequest::TagPolicy(iam::decode(form)?),
        Operation::UntagPolicy => IamRequest::UntagPolicy(iam::decode(form)?),
        _ => {
            let reader = handle.reader();
            return tokio::task::block_in_place(|| read(&reader, operation, form));
        }
    };
    send(handle, request).await
}

fn read(reader: &Reader, operation: iam::Operation, form: &Form) -> Result<Value, iam::Error> {
    use iam::Operation;
    match operation {
        Operation::GetRole => settle(reader.get_role(&iam::decode(form)?)),
        Operation::ListRoles => settle(reader.list_roles(&iam::decode(form)?)),
        Operation::ListRoleTags => settle(reader.list_role_tags(&iam::decode(form)?)),
        Operation::GetRolePolicy => settle(reader.get_role_policy(&iam::decode(form)?)),
        Operation::ListRolePolicies => settle(reader.list_role_policies(&iam::decode(form)?)),
        Operation::ListAttachedRolePolicies => {
            settle(reader.list_attached_role_policies(&iam::decode(form)?))
        }
        Operation::ListInstanceProfilesForRole => {
            settle(reader.list_instance_profiles_for_role(&iam::decode(form)?))
        }
        Operation::GetPolicy => settle(reader.get_policy(&iam::decode(form)?)),
        Operation::ListPolicies => settle(reader.list_policies(&iam::decode(form)?)),
        Operation::ListPolicyTags => settle(reader.list_policy_tags(&iam::decode(form)?)),
        Operation::GetPolicyVersion => settle(reader.get_policy_version(&iam::decode(form)?)),
        Operation::ListPolicyVersions => settle(reader.list_policy_versions(&iam::decode(form)?)),
        _ => Err(iam::Error::not_implemented(format!(
            "Stepwell does not implement IAM {} yet",
            operation.name()
        ))),
    }
}

async fn send(handle: &Handle, request: IamRequest) -> Result<Value, iam::Error> {
    let receiver = handle
        .send(Request::Iam(request))
        .map_err(|refused| match refused {
            Refused::Full => iam::Error::throttling_exception(RATE_EXCEEDED),
            Refused::Unavailable(text) => iam::Error::service_unavailable(text),
            Refused::Failed => iam::Error::internal_failure(FAILED),
        })?;
    match receiver.await {
        Ok(Ok(Answered::Iam(output))) => Ok(output),
        Ok(Err(Refusal::Iam(error))) => Err(error),
        Ok(_) => unreachable!("the service answers an operation of IAM as one"),
        Err(_) => Err(iam::Error::internal_failure(FAILED)),
    }
}

fn settle<T: Serialize>(read: Result<Result<T, Refusal>, StoreError>) -> Result<Value, iam::Error> {
    match read {
        Ok(Ok(output)) => Ok(members(&output)),
        Ok(Err(Refusal::Iam(error))) => Err(error),
        Ok(Err(_)) => unreachable!("the service answers an operation of IAM as one"),
        Err(error) => Err(iam::Error::internal_failure(error.to_string())),
    }
}

fn sts_output(
    reader: &Reader,
    access: &Access,
    sender: &Sender,
    operation: sts::Operation,
    form: &Form,
) -> Result<Value, sts::Error> {
    let caller = &sender.caller;
    match operation {
        sts::Operation::GetCallerIdentity => Ok(members(&reader.get_caller_identity(caller))),
        sts::Operation::AssumeRole => {
            let input: sts::AssumeRoleRequest = sts::decode(form)?;
            match reader.assume_role(caller, &entropy(), &input) {
                Ok(Ok(mut output)) => {
                    access.assume(sender, &mut output, &input.role_arn);
                    Ok(members(&output))
                }
                Ok(Err(Refusal::Sts(error))) => Err(error),
                Ok(Err(_)) => unreachable!("the service answers an operation of STS as one"),
                Err(error) => Err(sts::Error::internal_failure(error.to_string())),
            }
        }
        _ => Err(sts::Error::not_implemented(format!(
            "Stepwell does not implement STS {} yet",
            operation.name()
        ))),
    }
}

fn members(output: &impl Serialize) -> Value {
    serde_json::to_value(output).expect("a generated shape has text keys only")
}
