//! The session that assuming a role gives, and who the caller is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stepwell_api::{DateTime, sts};

use super::{Read, Reader, settle};
use crate::iam::{Principal, find_role_by_arn, trusts};
use crate::rows::role::Role;
use crate::shard::Done;

/// Seconds of a session when the caller does not say. Source: AssumeRole.
const SESSION_SECONDS_DEFAULT: i32 = 3_600;

/// Seconds of a session that was begun by another one. AWS: 1 hour.
const CHAINED_SECONDS_MAX: i32 = 3_600;

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// As IAM has it: the account's number, `AIDA…` of a user, `AROA…:SESSION` of a role.
    pub user_id: String,
    pub arn: String,
    /// What policies name it by: a session by the ARN of its role.
    pub principal: String,
}

impl Caller {
    /// The account itself: whoever calls where signatures are not checked.
    pub fn root(account: &str) -> Caller {
        let arn = format!("arn:aws:iam::{account}:root");
        Caller {
            user_id: account.to_string(),
            principal: arn.clone(),
            arn,
        }
    }
}

impl Reader {
    /// AWS: the caller is told who it is whatever its permissions.
    pub fn get_caller_identity(&self, caller: &Caller) -> sts::GetCallerIdentityResponse {
        sts::GetCallerIdentityResponse {
            user_id: Some(caller.user_id.clone()),
            account: Some(self.settings.account.clone()),
            arn: Some(caller.arn.clone()),
        }
    }

    /// Credentials of a session of a role, as they look on AWS. Where signatures are checked, the shell puts those in
    /// their place that it takes.
    ///
    /// - `entropy`: 32 random bytes for the credentials.
    /// - Errors: `AccessDenied` where the role does not exist or does not trust the caller.
    pub fn assume_role(
        &self,
        caller: &Caller,
        entropy: &[u8; 32],
        input: &sts::AssumeRoleRequest,
    ) -> Read<sts::AssumeRoleResponse> {
        settle(self.session(caller, entropy, input))
    }

    fn session(
        &self,
        caller: &Caller,
        entropy: &[u8; 32],
        input: &sts::AssumeRoleRequest,
    ) -> Done<sts::AssumeRoleResponse> {
        let principal = Principal::Account {
            arn: &caller.principal,
            account: &self.settings.account,
        };
        let role = find_role_by_arn(&self.snapshot, &input.role_arn, &self.settings)?
            .filter(|role| trusts(&role.trust, principal))
            .ok_or_else(|| denied(caller, &input.role_arn))?;
        let seconds = input.duration_seconds.unwrap_or(SESSION_SECONDS_DEFAULT);
        if caller.arn.contains(":assumed-role/") && seconds > CHAINED_SECONDS_MAX {
            let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
            return Err(sts::Error::constraint_violation(text).into());
        }
        if seconds > role.session_seconds_max {
            let text =
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err(sts::Error::constraint_violation(text).into());
        }
        let expires_ms = self.now.as_millis() + i64::from(seconds) * 1_000;
        Ok(sts::AssumeRoleResponse {
            credentials: Some(credentials(entropy, expires_ms)),
            assumed_role_user: Some(self.assumed(&role, &input.role_session_name)),
            source_identity: input.source_identity.clone(),
            ..Default::default()
        })
    }

    fn assumed(&self, role: &Role, session: &str) -> sts::AssumedRoleUser {
        let account = &self.settings.account;
        sts::AssumedRoleUser {
            assumed_role_id: format!("{}:{session}", role.id),
            arn: format!(
                "arn:aws:sts::{account}:assumed-role/{}/{session}",
                role.name
            ),
        }
    }
}

fn denied(caller: &Caller, role_arn: &str) -> sts::Error {
    let arn = &caller.arn;
    sts::Error::access_denied_exception(format!(
        "User: {arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
    ))
}

fn credentials(entropy: &[u8; 32], expires_ms: i64) -> sts::Credentials {
    let drawn = stepwell_engine::entropy(entropy);
    let id: String = drawn.draw()[..16]
        .iter()
        .map(|byte| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[usize::from(byte % 32)]))
        .collect();
    let secret = STANDARD.encode(&drawn.draw()[..30]);
    let token: Vec<u8> = (0..6).flat_map(|_| drawn.draw()).collect();
    sts::Credentials {
        access_key_id: format!("ASIA{id}"),
        secret_access_key: secret,
        session_token: STANDARD.encode(token),
        expiration: DateTime::from_ms(expires_ms),
    }
}
