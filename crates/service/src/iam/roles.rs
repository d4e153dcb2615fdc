//! Roles: their trust, their inline policies, what is attached to them.

use stepwell_api::iam;
use stepwell_engine::Timestamp;
use stepwell_store::Error;

use super::document::{Purpose, check};
use super::{
    check_tags, gives, name_in, nothing, path_of, policy_named, role_arn, shown_role, tag_map,
    unique_id,
};
use crate::command::{Answered, Settings};
use crate::rows::role::{Role, role_key};
use crate::rows::{decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Seconds of a session when the role does not say. Source: CreateRole.
const SESSION_SECONDS_DEFAULT: i32 = 3_600;

/// Managed policies on one role. Source: IAM quotas.
const ATTACHED_MAX: usize = 10;

/// Characters of all inline policies of one role. Source: IAM quotas.
const INLINE_CHARACTERS_MAX: usize = 10_240;

impl Shard {
    pub(super) fn create_role(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: iam::CreateRoleRequest,
    ) -> Done<Answered> {
        check(&input.assume_role_policy_document, Purpose::Trust)?;
        let name = input.role_name;
        if find_role(&self.staging, &name)?.is_some() {
            let text = format!("Role with name {name} already exists.");
            return Err(iam::Error::entity_already_exists_exception(text).into());
        }
        let tags = tag_map(input.tags.unwrap_or_default());
        check_tags(&tags)?;
        let role = Role {
            name,
            id: unique_id("AROA", entropy),
            path: path_of(input.path),
            created_ms: now.as_millis(),
            trust: input.assume_role_policy_document,
            description: input.description,
            session_seconds_max: input
                .max_session_duration
                .unwrap_or(SESSION_SECONDS_DEFAULT),
            permissions_boundary: input.permissions_boundary,
            tags,
            inline: Default::default(),
            attached: Vec::new(),
        };
        self.put_role(&role);
        Ok(gives(&iam::CreateRoleResponse {
            role: shown_role(role, &self.settings),
        }))
    }

    pub(super) fn update_role(&mut self, input: iam::UpdateRoleRequest) -> Done<Answered> {
        let mut role = self.role_named(&input.role_name)?;
        role.description = input.description.or(role.description);
        if let Some(seconds) = input.max_session_duration {
            role.session_seconds_max = seconds;
        }
        self.put_role(&role);
        Ok(gives(&iam::UpdateRoleResponse {}))
    }

    pub(super) fn update_trust(
        &mut self,
        input: iam::UpdateAssumeRolePolicyRequest,
    ) -> Done<Answered> {
        let mut role = self.role_named(&input.role_name)?;
        check(&input.policy_document, Purpose::Trust)?;
        role.trust = input.policy_document;
        self.put_role(&role);
        Ok(nothing())
    }

    /// AWS: a role goes only when it has no policies any more.
    pub(super) fn delete_role(&mut self, input: &iam::DeleteRoleRequest) -> Done<Answered> {
        let role = self.role_named(&input.role_name)?;
        let left = match (role.attached.is_empty(), role.inline.is_empty()) {
            (false, _) => "Cannot delete entity, must detach all policies first.",
            (true, false) => "Cannot delete entity, must delete policies first.",
            (true, true) => {
                self.staging.delete(role_key(&role.name));
                return Ok(nothing());
            }
        };
        Err(iam::Error::delete_conflict_exception(left).into())
    }

    pub(super) fn tag_role(&mut self, input: iam::TagRoleRequest) -> Done<Answered> {
        let mut role = self.role_named(&input.role_name)?;
        role.tags.extend(tag_map(input.tags));
        check_tags(&role.tags)?;
        self.put_role(&role);
        Ok(nothing())
    }

    pub(super) fn untag_role(&mut self, input: &iam::UntagRoleRequest) -> Done<Answered> {
        let mut role = self.role_named(&input.role_name)?;
        role.tags.retain(|key, _| !input.tag_keys.contains(key));
        self.put_role(&role);
        Ok(nothing())
    }

    pub(super) fn put_role_policy(&mut self, input: iam::PutRolePolicyRequest) -> Done<Answered> {
        let mut role = self.role_named(&input.role_name)?;
        check(&input.policy_document, Purpose::Permission)?;
        role.inline.insert(input.policy_name, input.policy_document);
        // AWS: white space is not counted.
        let characters: usize = role
            .inline
            .values()
            .map(|document| document.chars().filter(|c| !c.is_whitespace()).count())
            .sum();
        if characters > INLINE_CHARACTERS_MAX {
            let text = format!(
                "Maximum policy size of {INLINE_CHARACTERS_MAX} bytes exceeded for role {}",
                role.name
            );
            return Err(iam::Error::limit_exceeded_exception(text).into());
        }
        self.put_role(&role);
        Ok(nothing())
    }

    pub(super) fn delete_role_policy(
        &mut self,
        input: &iam::DeleteRolePolicyRequest,
    ) -> Done<Answered> {
        let mut role = self.role_named(&input.role_name)?;
        if role.inline.remove(&input.policy_name).is_none() {
            return Err(missing_inline(&input.policy_name).into());
        }
        self.put_role(&role);
        Ok(nothing())
    }

    /// AWS: attaching what is attached changes nothing.
    pub(super) fn attach_role_policy(
        &mut self,
        input: &iam::AttachRolePolicyRequest,
    ) -> Done<Answered> {
        let mut role = self.role_named(&input.role_name)?;
        let arn = &input.policy_arn;
        if role.attached.contains(arn) {
            return Ok(nothing());
        }
        if role.attached.len() >= ATTACHED_MAX {
            let text = format!("Cannot exceed quota for PoliciesPerRole: {ATTACHED_MAX}");
            return Err(iam::Error::limit_exceeded_exception(text).into());
        }
        // The policies of AWS itself are not kept here: every name of one is taken.
        if !arn.starts_with("arn:aws:iam::aws:policy/") {
            let missing = || {
                let text = format!("Policy {arn} does not exist or is not attachable.");
                iam::Error::no_such_entity_exception(text)
            };
            let mut policy =
                policy_named(&self.staging, arn, &self.settings)?.ok_or_else(missing)?;
            policy.attachments += 1;
            self.put_policy(&policy);
        }
        role.attached.push(arn.clone());
        self.put_role(&role);
        Ok(nothing())
    }

    pub(super) fn detach_role_policy(
        &mut self,
        input: &iam::DetachRolePolicyRequest,
    ) -> Done<Answered> {
        let mut role = self.role_named(&input.role_name)?;
        let arn = &input.policy_arn;
        if !role.attached.contains(arn) {
            let text = format!("Policy {arn} was not found.");
            return Err(iam::Error::no_such_entity_exception(text).into());
        }
        role.attached.retain(|attached| attached != arn);
        self.put_role(&role);
        if let Some(mut policy) = policy_named(&self.staging, arn, &self.settings)? {
            policy.attachments = policy.attachments.saturating_sub(1);
            self.put_policy(&policy);
        }
        Ok(nothing())
    }

    fn role_named(&self, name: &str) -> Done<Role> {
        Ok(find_role(&self.staging, name)?.ok_or_else(|| missing_role(name))?)
    }

    fn put_role(&mut self, role: &Role) {
        self.staging.put(role_key(&role.name), encode_json(role));
    }
}

/// The role with this name.
pub(crate) fn find_role(rows: &dyn Rows, name: &str) -> Result<Option<Role>, Error> {
    let key = role_key(name);
    rows.get(&key)?
        .map(|value| decode_json(&key, &value))
        .transpose()
}

/// The role with this ARN.
pub(crate) fn find_role_by_arn(
    rows: &dyn Rows,
    arn: &str,
    settings: &Settings,
) -> Result<Option<Role>, Error> {
    let Some(name) = name_in(arn, "role", settings) else {
        return Ok(None);
    };
    let role = find_role(rows, name)?;
    Ok(role.filter(|role| role_arn(role, settings) == arn))
}

pub(crate) fn missing_role(name: &str) -> iam::Error {
    iam::Error::no_such_entity_exception(format!("The role with name {name} cannot be found."))
}

pub(crate) fn missing_inline(name: &str) -> iam::Error {
    iam::Error::no_such_entity_exception(format!(
        "The role policy with name {name} cannot be found."
    ))
}
