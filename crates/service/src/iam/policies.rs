//! Managed policies of the account. Each has one version.

use stepwell_api::iam;
use stepwell_engine::Timestamp;
use stepwell_store::Error;

use super::document::{Purpose, check};
use super::{check_tags, gives, nothing, path_of, policy_named, shown_policy, tag_map, unique_id};
use crate::command::Answered;
use crate::rows::role::{Policy, policy_key};
use crate::rows::{decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

impl Shard {
    pub(super) fn create_policy(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: iam::CreatePolicyRequest,
    ) -> Done<Answered> {
        check(&input.policy_document, Purpose::Permission)?;
        let name = input.policy_name;
        if find_policy(&self.staging, &name)?.is_some() {
            let text =
                format!("A policy called {name} already exists. Duplicate names are not allowed.");
            return Err(iam::Error::entity_already_exists_exception(text).into());
        }
        let tags = tag_map(input.tags.unwrap_or_default());
        check_tags(&tags)?;
        let policy = Policy {
            name,
            id: unique_id("ANPA", entropy),
            path: path_of(input.path),
            created_ms: now.as_millis(),
            description: input.description,
            document: input.policy_document,
            attachments: 0,
            tags,
        };
        self.put_policy(&policy);
        Ok(gives(&iam::CreatePolicyResponse {
            policy: Some(shown_policy(policy, &self.settings)),
        }))
    }

    pub(super) fn delete_policy(&mut self, input: &iam::DeletePolicyRequest) -> Done<Answered> {
        let policy = self.policy_with(&input.policy_arn)?;
        if policy.attachments > 0 {
            let text = "Cannot delete a policy attached to entities.";
            return Err(iam::Error::delete_conflict_exception(text).into());
        }
        self.staging.delete(policy_key(&policy.name));
        Ok(nothing())
    }

    pub(super) fn tag_policy(&mut self, input: iam::TagPolicyRequest) -> Done<Answered> {
        let mut policy = self.policy_with(&input.policy_arn)?;
        policy.tags.extend(tag_map(input.tags));
        check_tags(&policy.tags)?;
        self.put_policy(&policy);
        Ok(nothing())
    }

    pub(super) fn untag_policy(&mut self, input: &iam::UntagPolicyRequest) -> Done<Answered> {
        let mut policy = self.policy_with(&input.policy_arn)?;
        policy.tags.retain(|key, _| !input.tag_keys.contains(key));
        self.put_policy(&policy);
        Ok(nothing())
    }

    fn policy_with(&self, arn: &str) -> Done<Policy> {
        let policy = policy_named(&self.staging, arn, &self.settings)?;
        Ok(policy.ok_or_else(|| missing_policy(arn))?)
    }

    pub(super) fn put_policy(&mut self, policy: &Policy) {
        self.staging
            .put(policy_key(&policy.name), encode_json(policy));
    }
}

/// The policy with this name.
pub(crate) fn find_policy(rows: &dyn Rows, name: &str) -> Result<Option<Policy>, Error> {
    let key = policy_key(name);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

pub(crate) fn missing_policy(arn: &str) -> iam::Error {
    iam::Error::no_such_entity_exception(format!("Policy {arn} was not found."))
}
