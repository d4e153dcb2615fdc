//! Roles and policies: get, list; and the session that assuming a role gives.

use serde::de::DeserializeOwned;
use stepwell_api::iam;
use stepwell_store::{Direction, Error};

use super::{Read, Reader, settle};
use crate::command::Refusal;
use crate::iam::{
    VERSION_ID, attached_policy, encoded, find_role, missing_inline, missing_policy, missing_role,
    policy_named, shown_policy, shown_role, shown_tags, states_role,
};
use crate::rows::role::{Policy, Role, policies, roles};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

/// Entries on a page when the caller does not say. Source: ListRoles.
const PAGE_DEFAULT: usize = 100;

/// A page of a list, whether more comes, and where it goes on.
type Page<T> = (Vec<T>, Option<bool>, Option<String>);

impl Reader {
    /// Whether Step Functions may assume the role; `AccessDeniedException` if it may not.
    pub fn check_states_role(&self, role_arn: &str) -> Read<()> {
        let checked = states_role(&self.snapshot, role_arn, &self.settings)?;
        Ok(checked.map_err(Refusal::States))
    }

    pub fn get_role(&self, input: &iam::GetRoleRequest) -> Read<iam::GetRoleResponse> {
        settle(self.role_of(&input.role_name).map(|role| {
            let mut role = shown_role(role, &self.settings);
            // AWS: GetRole says when a role was last used; here that is never known.
            role.role_last_used = Some(iam::RoleLastUsed::default());
            iam::GetRoleResponse { role }
        }))
    }

    pub fn list_roles(&self, input: &iam::ListRolesRequest) -> Read<iam::ListRolesResponse> {
        settle(self.role_list(input))
    }

    fn role_list(&self, input: &iam::ListRolesRequest) -> Done<iam::ListRolesResponse> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let mut all: Vec<Role> = self.all(&roles())?;
        all.retain(|role| role.path.starts_with(prefix));
        let (page, is_truncated, marker) =
            cut(all, input.marker.as_deref(), input.max_items, |role| {
                role.name.clone()
            })?;
        // AWS: a list leaves tags out.
        let shown = page.into_iter().map(|role| iam::Role {
            tags: None,
            ..shown_role(role, &self.settings)
        });
        Ok(iam::ListRolesResponse {
            roles: shown.collect(),
            is_truncated,
            marker,
        })
    }

    pub fn list_role_tags(
        &self,
        input: &iam::ListRoleTagsRequest,
    ) -> Read<iam::ListRoleTagsResponse> {
        settle(
            self.role_of(&input.role_name)
                .map(|role| iam::ListRoleTagsResponse {
                    tags: shown_tags(&role.tags),
                    is_truncated: Some(false),
                    marker: None,
                }),
        )
    }

    pub fn get_role_policy(
        &self,
        input: &iam::GetRolePolicyRequest,
    ) -> Read<iam::GetRolePolicyResponse> {
        settle(self.inline_policy(input))
    }

    fn inline_policy(&self, input: &iam::GetRolePolicyRequest) -> Done<iam::GetRolePolicyResponse> {
        let role = self.role_of(&input.role_name)?;
        let document = role
            .inline
            .get(&input.policy_name)
            .ok_or_else(|| missing_inline(&input.policy_name))?;
        Ok(iam::GetRolePolicyResponse {
            policy_document: encoded(document),
            role_name: role.name,
            policy_name: input.policy_name.clone(),
        })
    }

    pub fn list_role_policies(
        &self,
        input: &iam::ListRolePoliciesRequest,
    ) -> Read<iam::ListRolePoliciesResponse> {
        settle(self.inline_list(input))
    }

    fn inline_list(
        &self,
        input: &iam::ListRolePoliciesRequest,
    ) -> Done<iam::ListRolePoliciesResponse> {
        let role = self.role_of(&input.role_name)?;
        let names: Vec<String> = role.inline.into_keys().collect();
        let (policy_names, is_truncated, marker) = cut(
            names,
            input.marker.as_deref(),
            input.max_items,
            String::clone,
        )?;
        Ok(iam::ListRolePoliciesResponse {
            policy_names,
            is_truncated,
            marker,
        })
    }

    pub fn list_attached_role_policies(
        &self,
        input: &iam::ListAttachedRolePoliciesRequest,
    ) -> Read<iam::ListAttachedRolePoliciesResponse> {
        settle(self.attached_list(input))
    }

    fn attached_list(
        &self,
        input: &iam::ListAttachedRolePoliciesRequest,
    ) -> Done<iam::ListAttachedRolePoliciesResponse> {
        let mut arns = self.role_of(&input.role_name)?.attached;
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        arns.retain(|arn| {
            let path = arn.split_once(":policy").map_or("", |(_, path)| path);
            path.starts_with(prefix)
        });
        arns.sort();
        let (page, is_truncated, marker) = cut(
            arns,
            input.marker.as_deref(),
            input.max_items,
            String::clone,
        )?;
        Ok(iam::ListAttachedRolePoliciesResponse {
            attached_policies: Some(page.iter().map(|arn| attached_policy(arn)).collect()),
            is_truncated,
            marker,
        })
    }

    /// There are no instance profiles; a role that does not exist is still said.
    pub fn list_instance_profiles_for_role(
        &self,
        input: &iam::ListInstanceProfilesForRoleRequest,
    ) -> Read<iam::ListInstanceProfilesForRoleResponse> {
        settle(
            self.role_of(&input.role_name)
                .map(|_| iam::ListInstanceProfilesForRoleResponse {
                    instance_profiles: Vec::new(),
                    is_truncated: Some(false),
                    marker: None,
                }),
        )
    }

    pub fn get_policy(&self, input: &iam::GetPolicyRequest) -> Read<iam::GetPolicyResponse> {
        settle(
            self.policy_of(&input.policy_arn)
                .map(|policy| iam::GetPolicyResponse {
                    policy: Some(shown_policy(policy, &self.settings)),
                }),
        )
    }

    pub fn list_policies(
        &self,
        input: &iam::ListPoliciesRequest,
    ) -> Read<iam::ListPoliciesResponse> {
        settle(self.policy_list(input))
    }

    /// The policies of AWS itself are not kept here, so no scope lists them.
    fn policy_list(&self, input: &iam::ListPoliciesRequest) -> Done<iam::ListPoliciesResponse> {
        let prefix = input.path_prefix.as_deref().unwrap_or("/");
        let mut all: Vec<Policy> = self.all(&policies())?;
        all.retain(|policy| {
            policy.path.starts_with(prefix)
                && (input.only_attached != Some(true) || policy.attachments > 0)
                && input.scope.as_deref() != Some("AWS")
                && input.policy_usage_filter.as_deref() != Some("PermissionsBoundary")
        });
        let (page, is_truncated, marker) =
            cut(all, input.marker.as_deref(), input.max_items, |policy| {
                policy.name.clone()
            })?;
        let shown = page.into_iter().map(|policy| iam::Policy {
            tags: None,
            description: None,
            ..shown_policy(policy, &self.settings)
        });
        Ok(iam::ListPoliciesResponse {
            policies: Some(shown.collect()),
            is_truncated,
            marker,
        })
    }

    pub fn list_policy_tags(
        &self,
        input: &iam::ListPolicyTagsRequest,
    ) -> Read<iam::ListPolicyTagsResponse> {
        settle(
            self.policy_of(&input.policy_arn)
                .map(|policy| iam::ListPolicyTagsResponse {
                    tags: shown_tags(&policy.tags),
                    is_truncated: Some(false),
                    marker: None,
                }),
        )
    }

    pub fn get_policy_version(
        &self,
        input: &iam::GetPolicyVersionRequest,
    ) -> Read<iam::GetPolicyVersionResponse> {
        settle(self.policy_version(input))
    }

    fn policy_version(
        &self,
        input: &iam::GetPolicyVersionRequest,
    ) -> Done<iam::GetPolicyVersionResponse> {
        let policy = self.policy_of(&input.policy_arn)?;
        if input.version_id != VERSION_ID {
            let text = format!(
                "Policy {} version {} does not exist or is not attachable.",
                input.policy_arn, input.version_id
            );
            return Err(iam::Error::no_such_entity_exception(text).into());
        }
        let document = encoded(&policy.document);
        Ok(iam::GetPolicyVersionResponse {
            policy_version: Some(iam::PolicyVersion {
                document: Some(document),
                ..version_of(&policy)
            }),
        })
    }

    pub fn list_policy_versions(
        &self,
        input: &iam::ListPolicyVersionsRequest,
    ) -> Read<iam::ListPolicyVersionsResponse> {
        settle(
            self.policy_of(&input.policy_arn)
                .map(|policy| iam::ListPolicyVersionsResponse {
                    versions: Some(vec![version_of(&policy)]),
                    is_truncated: Some(false),
                    marker: None,
                }),
        )
    }

    fn role_of(&self, name: &str) -> Done<Role> {
        Ok(find_role(&self.snapshot, name)?.ok_or_else(|| missing_role(name))?)
    }

    fn policy_of(&self, arn: &str) -> Done<Policy> {
        let policy = policy_named(&self.snapshot, arn, &self.settings)?;
        Ok(policy.ok_or_else(|| missing_policy(arn))?)
    }

    fn all<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Vec<T>, Error> {
        let rows = Rows::scan(
            &self.snapshot,
            prefix,
            &after(prefix),
            Direction::Ascending,
            usize::MAX,
        )?;
        rows.iter()
            .map(|(key, value)| decode_json(key, value))
            .collect()
    }
}

fn version_of(policy: &Policy) -> iam::PolicyVersion {
    iam::PolicyVersion {
        document: None,
        version_id: Some(VERSION_ID.to_string()),
        is_default_version: Some(true),
        create_date: Some(stepwell_api::DateTime::from_ms(policy.created_ms)),
    }
}

/// One page of what `all` lists in the order of its names. A marker is the last name of the page before.
fn cut<T>(
    mut all: Vec<T>,
    marker: Option<&str>,
    max_items: Option<i32>,
    name: impl Fn(&T) -> String,
) -> Result<Page<T>, iam::Error> {
    if let Some(marker) = marker {
        let Some(before) = all.iter().position(|one| name(one) == marker) else {
            return Err(iam::Error::constraint_violation(format!(
                "Invalid Marker: {marker}"
            )));
        };
        all.drain(..=before);
    }
    let limit = max_items
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(PAGE_DEFAULT);
    let is_truncated = all.len() > limit;
    all.truncate(limit);
    let marker = all.last().filter(|_| is_truncated).map(name);
    Ok((all, Some(is_truncated), marker))
}
