//! Roles and policies as the API shows them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use stepwell_api::{DateTime, iam};
use stepwell_store::Error;

use super::{find_policy, name_in};
use crate::command::Settings;
use crate::rows::role::{Policy, Role};
use crate::staging::Rows;

/// AWS: the only version that a policy has which was never changed.
pub(crate) const VERSION_ID: &str = "v1";

pub(crate) fn role_arn(role: &Role, settings: &Settings) -> String {
    let account = &settings.account;
    format!("arn:aws:iam::{account}:role{}{}", role.path, role.name)
}

pub(crate) fn policy_arn(policy: &Policy, settings: &Settings) -> String {
    let account = &settings.account;
    format!(
        "arn:aws:iam::{account}:policy{}{}",
        policy.path, policy.name
    )
}

/// The policy with this ARN.
pub(crate) fn policy_named(
    rows: &dyn Rows,
    arn: &str,
    settings: &Settings,
) -> Result<Option<Policy>, Error> {
    let Some(name) = name_in(arn, "policy", settings) else {
        return Ok(None);
    };
    let policy = find_policy(rows, name)?;
    Ok(policy.filter(|policy| policy_arn(policy, settings) == arn))
}

pub(crate) fn shown_role(role: Role, settings: &Settings) -> iam::Role {
    iam::Role {
        arn: role_arn(&role, settings),
        path: role.path,
        role_name: role.name,
        role_id: role.id,
        create_date: DateTime::from_ms(role.created_ms),
        assume_role_policy_document: Some(encoded(&role.trust)),
        description: role.description,
        max_session_duration: Some(role.session_seconds_max),
        permissions_boundary: role.permissions_boundary.map(|arn| {
            iam::AttachedPermissionsBoundary {
                permissions_boundary_type: Some("Policy".to_string()),
                permissions_boundary_arn: Some(arn),
            }
        }),
        tags: (!role.tags.is_empty()).then(|| shown_tags(&role.tags)),
        ..Default::default()
    }
}

pub(crate) fn shown_policy(policy: Policy, settings: &Settings) -> iam::Policy {
    let created = DateTime::from_ms(policy.created_ms);
    iam::Policy {
        arn: Some(policy_arn(&policy, settings)),
        policy_name: Some(policy.name),
        policy_id: Some(policy.id),
        path: Some(policy.path),
        default_version_id: Some(VERSION_ID.to_string()),
        attachment_count: Some(i32::try_from(policy.attachments).unwrap_or(i32::MAX)),
        permissions_boundary_usage_count: Some(0),
        is_attachable: Some(true),
        description: policy.description,
        create_date: Some(created),
        update_date: Some(created),
        tags: (!policy.tags.is_empty()).then(|| shown_tags(&policy.tags)),
    }
}

pub(crate) fn attached_policy(arn: &str) -> iam::AttachedPolicy {
    iam::AttachedPolicy {
        policy_name: arn.rsplit('/').next().map(str::to_string),
        policy_arn: Some(arn.to_string()),
    }
}

pub(crate) fn shown_tags(tags: &BTreeMap<String, String>) -> Vec<iam::Tag> {
    let tag = |(key, value): (&String, &String)| iam::Tag {
        key: key.clone(),
        value: value.clone(),
    };
    tags.iter().map(tag).collect()
}

/// AWS: documents come back percent-encoded (RFC 3986).
pub(crate) fn encoded(document: &str) -> String {
    let mut encoded = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            byte => write!(encoded, "%{byte:02X}").expect("writing to a String"),
        }
    }
    encoded
}
