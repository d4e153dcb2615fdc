//! Policy documents: whether they are ones, and whom a trust policy lets assume a role.

use serde_json::{Map, Value};
use stepwell_api::iam;

/// What a policy document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Who may assume a role.
    Trust,
    /// What its bearer may do. Kept and shown, not enforced.
    Permission,
}

/// Checks a document as far as AWS's grammar of policies goes without knowing services.
pub(crate) fn check(document: &str, purpose: Purpose) -> Result<(), iam::Error> {
    let policy = parse(document).ok_or_else(|| {
        malformed(match purpose {
            Purpose::Trust => "This policy contains invalid Json",
            Purpose::Permission => "Syntax errors in policy.",
        })
    })?;
    let version = policy.get("Version").map(Value::as_str);
    if !matches!(version, None | Some(Some("2012-10-17" | "2008-10-17"))) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    let statements = statements(&policy);
    if statements.is_empty() {
        return Err(malformed("Syntax errors in policy."));
    }
    statements
        .into_iter()
        .try_for_each(|statement| check_statement(statement, purpose))
}

fn check_statement(statement: &Value, purpose: Purpose) -> Result<(), iam::Error> {
    let Value::Object(statement) = statement else {
        return Err(malformed("Syntax errors in policy."));
    };
    let has = |names: [&str; 2]| names.iter().any(|name| statement.contains_key(*name));
    match statement.get("Effect").and_then(Value::as_str) {
        Some("Allow" | "Deny") => {}
        Some(effect) => return Err(malformed(format!("Invalid effect: {effect}"))),
        None => return Err(malformed("Missing required field Effect")),
    }
    if !has(["Action", "NotAction"]) {
        return Err(malformed(match purpose {
            Purpose::Trust => "Missing required field Action",
            Purpose::Permission => "Policy statement must contain actions.",
        }));
    }
    match purpose {
        Purpose::Trust if has(["Resource", "NotResource"]) => {
            Err(malformed("Has prohibited field Resource"))
        }
        Purpose::Trust if !has(["Principal", "NotPrincipal"]) => {
            Err(malformed("Missing required field Principal"))
        }
        Purpose::Trust => check_assumes(statement),
        Purpose::Permission if has(["Principal", "NotPrincipal"]) => {
            Err(malformed("Policy document should not specify a principal."))
        }
        Purpose::Permission if !has(["Resource", "NotResource"]) => {
            Err(malformed("Policy statement must contain resources."))
        }
        Purpose::Permission => Ok(()),
    }
}

/// AWS: a trust policy speaks of assuming the role and of nothing else.
fn check_assumes(statement: &Map<String, Value>) -> Result<(), iam::Error> {
    let actions = statement.get("Action").map(texts).unwrap_or_default();
    let is_sts = |action: &&str| {
        let action = action.to_ascii_lowercase();
        action == "*" || action.starts_with("sts:")
    };
    if actions.iter().all(is_sts) {
        return Ok(());
    }
    Err(malformed(
        "AssumeRole policy may only specify STS AssumeRole actions.",
    ))
}

/// Somebody who wants to assume a role.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Principal<'a> {
    /// `states.amazonaws.com`; the regional name stands for the same service.
    Service { name: &'a str, region: &'a str },
    /// An ARN of this account: a role or the account itself.
    Account { arn: &'a str, account: &'a str },
}

/// Whether a trust policy lets somebody assume its role. Conditions are read as fulfilled.
pub(crate) fn trusts(document: &str, principal: Principal) -> bool {
    let Some(policy) = parse(document) else {
        return false;
    };
    let concerning: Vec<&Value> = statements(&policy)
        .into_iter()
        .filter(|statement| {
            let actions = statement.get("Action").map(texts).unwrap_or_default();
            actions.into_iter().any(assumes)
                && statement
                    .get("Principal")
                    .is_some_and(|named| names(named, principal))
        })
        .collect();
    let has = |effect: &str| {
        concerning
            .iter()
            .any(|statement| statement.get("Effect").and_then(Value::as_str) == Some(effect))
    };
    has("Allow") && !has("Deny")
}

fn assumes(action: &str) -> bool {
    ["*", "sts:*", "sts:assume*", "sts:assumerole"].contains(&action.to_ascii_lowercase().as_str())
}

fn names(named: &Value, principal: Principal) -> bool {
    let of = |kind: &str| named.get(kind).map(texts).unwrap_or_default();
    if named.as_str() == Some("*") {
        return true;
    }
    match principal {
        Principal::Service { name, region } => {
            let regional = name.replacen(".amazonaws", &format!(".{region}.amazonaws"), 1);
            of("Service")
                .iter()
                .any(|service| *service == "*" || *service == name || *service == regional)
        }
        Principal::Account { arn, account } => {
            let root = format!("arn:aws:iam::{account}:root");
            of("AWS")
                .iter()
                .any(|one| *one == "*" || *one == arn || *one == root || *one == account)
        }
    }
}

/// The JSON object of a document.
fn parse(document: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(document) {
        Ok(Value::Object(policy)) => Some(policy),
        _ => None,
    }
}

/// AWS: one statement may stand without a list around it.
fn statements(policy: &Map<String, Value>) -> Vec<&Value> {
    match policy.get("Statement") {
        Some(Value::Array(statements)) => statements.iter().collect(),
        Some(statement) => vec![statement],
        None => Vec::new(),
    }
}

/// AWS: where a list of texts may stand, one text may stand too.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect(),
        Value::String(text) => vec![text],
        _ => Vec::new(),
    }
}

fn malformed(text: impl Into<String>) -> iam::Error {
    iam::Error::malformed_policy_document_exception(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: Principal = Principal::Service {
        name: "states.amazonaws.com",
        region: "eu-west-1",
    };

    fn trust(principal: &str) -> String {
        format!(
            r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#
        )
    }

    #[test]
    fn a_service_is_trusted_by_its_global_and_its_regional_name() {
        for principal in [
            r#"{"Service":"states.amazonaws.com"}"#,
            r#"{"Service":["lambda.amazonaws.com","states.amazonaws.com"]}"#,
            r#"{"Service":"states.eu-west-1.amazonaws.com"}"#,
            r#""*""#,
        ] {
            assert!(trusts(&trust(principal), STATES), "{principal}");
        }
        for principal in [
            r#"{"Service":"lambda.amazonaws.com"}"#,
            r#"{"Service":"states.us-east-1.amazonaws.com"}"#,
            r#"{"AWS":"arn:aws:iam::123456789012:root"}"#,
        ] {
            assert!(!trusts(&trust(principal), STATES), "{principal}");
        }
    }

    #[test]
    fn a_denial_outweighs_what_is_allowed() {
        let document = r#"{"Statement":[
            {"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"},
            {"Effect":"Deny","Principal":"*","Action":"sts:*"}]}"#;
        assert!(!trusts(document, STATES));
    }

    #[test]
    fn an_account_is_trusted_by_its_root_its_number_or_the_very_role() {
        let role = Principal::Account {
            arn: "arn:aws:iam::123456789012:role/r",
            account: "123456789012",
        };
        for principal in [
            r#"{"AWS":"arn:aws:iam::123456789012:root"}"#,
            r#"{"AWS":"123456789012"}"#,
            r#"{"AWS":["arn:aws:iam::123456789012:role/r"]}"#,
        ] {
            assert!(trusts(&trust(principal), role), "{principal}");
        }
        assert!(!trusts(
            &trust(r#"{"AWS":"arn:aws:iam::210987654321:root"}"#),
            role
        ));
    }

    #[test]
    fn documents_that_are_no_policies_are_refused_in_words() {
        let refusal =
            |document: &str, purpose| check(document, purpose).expect_err("it is refused").message;
        let permission = |statement: &str| format!(r#"{{"Statement":[{statement}]}}"#);
        assert_eq!(
            refusal("{", Purpose::Trust),
            "This policy contains invalid Json"
        );
        assert_eq!(
            refusal("{}", Purpose::Permission),
            "Syntax errors in policy."
        );
        assert_eq!(
            refusal(
                &permission(r#"{"Effect":"Allow","Action":"*","Principal":"*"}"#),
                Purpose::Permission
            ),
            "Policy document should not specify a principal."
        );
        assert_eq!(
            refusal(
                &permission(r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#),
                Purpose::Trust
            ),
            "Has prohibited field Resource"
        );
        assert_eq!(
            refusal(
                &permission(r#"{"Effect":"Allow","Action":"s3:*","Principal":"*"}"#),
                Purpose::Trust
            ),
            "AssumeRole policy may only specify STS AssumeRole actions."
        );
        assert!(
            check(
                &trust(r#"{"Service":"states.amazonaws.com"}"#),
                Purpose::Trust
            )
            .is_ok()
        );
    }
}
