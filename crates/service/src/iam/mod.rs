//! Roles and managed policies: what AWS IAM keeps of them, as far as setting an application up needs it.
//!
//! Trust policies are looked at where Step Functions and Lambda look at them. What a policy permits is kept and
//! shown, and never enforced.

mod document;
mod policies;
mod roles;
mod shown;
mod trust;

use std::collections::BTreeMap;

use stepwell_api::iam;
use stepwell_engine::Timestamp;

use crate::command::{Answered, IamRequest, Settings};
use crate::shard::{Done, Shard};

pub(crate) use document::{Principal, trusts};
pub(crate) use policies::{find_policy, missing_policy};
pub(crate) use roles::{find_role, find_role_by_arn, missing_inline, missing_role};
pub(crate) use shown::{
    VERSION_ID, attached_policy, encoded, policy_named, role_arn, shown_policy, shown_role,
    shown_tags,
};
pub(crate) use trust::states_role;

/// Tags on one resource. Source: IAM quotas.
const TAGS_MAX: usize = 50;

impl Shard {
    /// Carries out a change of roles and policies.
    pub(crate) fn change_iam(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        request: IamRequest,
    ) -> Done<Answered> {
        match request {
            IamRequest::CreateRole(input) => self.create_role(now, entropy, input),
            IamRequest::UpdateRole(input) => self.update_role(input),
            IamRequest::UpdateAssumeRolePolicy(input) => self.update_trust(input),
            IamRequest::DeleteRole(input) => self.delete_role(&input),
            IamRequest::TagRole(input) => self.tag_role(input),
            IamRequest::UntagRole(input) => self.untag_role(&input),
            IamRequest::PutRolePolicy(input) => self.put_role_policy(input),
            IamRequest::DeleteRolePolicy(input) => self.delete_role_policy(&input),
            IamRequest::AttachRolePolicy(input) => self.attach_role_policy(&input),
            IamRequest::DetachRolePolicy(input) => self.detach_role_policy(&input),
            IamRequest::CreatePolicy(input) => self.create_policy(now, entropy, input),
            IamRequest::DeletePolicy(input) => self.delete_policy(&input),
            IamRequest::TagPolicy(input) => self.tag_policy(input),
            IamRequest::UntagPolicy(input) => self.untag_policy(&input),
        }
    }
}

/// The answer of an operation with output.
fn gives(output: &impl serde::Serialize) -> Answered {
    Answered::Iam(serde_json::to_value(output).expect("a generated shape has text keys only"))
}

/// The answer of an operation without output.
fn nothing() -> Answered {
    Answered::Iam(serde_json::Value::Null)
}

/// AWS: four letters say what it names; then come 17 letters and digits.
fn unique_id(prefix: &str, entropy: &[u8; 32]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let drawn = stepwell_engine::entropy(entropy).draw();
    let letters = drawn[..17]
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    letters.fold(prefix.to_owned(), |mut id, letter| {
        id.push(letter);
        id
    })
}

fn tag_map(tags: Vec<iam::Tag>) -> BTreeMap<String, String> {
    tags.into_iter().map(|tag| (tag.key, tag.value)).collect()
}

fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), iam::Error> {
    if tags.len() <= TAGS_MAX {
        return Ok(());
    }
    Err(iam::Error::limit_exceeded_exception(format!(
        "The number of tags has reached the maximum limit: {TAGS_MAX}"
    )))
}

fn path_of(path: Option<String>) -> String {
    path.unwrap_or_else(|| "/".to_string())
}

/// The name at the end of an ARN of this account: `arn:aws:iam::ACCOUNT:KIND/PATH/NAME`.
fn name_in<'a>(arn: &'a str, kind: &str, settings: &Settings) -> Option<&'a str> {
    let prefix = format!("arn:aws:iam::{}:{kind}/", settings.account);
    arn.strip_prefix(&prefix)?.rsplit('/').next()
}
