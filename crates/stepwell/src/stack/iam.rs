//! Roles and policies.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{STACK_NAME_TAG, State, Wanted, kinds::found, tag_changes, xml::Element};
use crate::client::{Client, Error};

fn call(client: &Client, operation: &str, parameters: &[(&str, &str)]) -> Result<Element, Error> {
    let answer = client.iam(operation, parameters)?;
    Element::parse(&answer).ok_or_else(|| Error::Protocol {
        operation: operation.to_owned(),
        reason: "the answer is not XML".to_owned(),
    })
}

/// A policy document: in answers it is JSON, percent-encoded.
fn document(text: &str) -> Value {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                let digits = String::from_utf8_lossy(&digits).into_owned();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'%'));
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    serde_json::from_slice(&bytes).unwrap_or(Value::Null)
}

fn tags_of(element: &Element) -> Value {
    let tags = element
        .members("Tags")
        .filter_map(|tag| Some((tag.text("Key")?.to_owned(), json!(tag.text("Value")?))));
    Value::Object(tags.collect())
}

/// `Tags.member.N.Key` and so on.
fn tag_parameters(tags: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for (index, (key, value)) in tags.iter().enumerate() {
        let member = format!("Tags.member.{}", index + 1);
        parameters.push((format!("{member}.Key"), key.clone()));
        parameters.push((format!("{member}.Value"), value.clone()));
    }
    parameters
}

fn borrowed(parameters: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = parameters.iter();
    pairs
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect()
}

/// The document of a role as a template writes it.
pub fn role_document(properties: &Value, tags: Value) -> Map<String, Value> {
    let mut policies = Map::new();
    for policy in properties["Policies"].as_array().into_iter().flatten() {
        let name = policy["PolicyName"].as_str().unwrap_or_default();
        policies.insert(name.to_owned(), policy["PolicyDocument"].clone());
    }
    let mut managed: Vec<Value> = properties["ManagedPolicyArns"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    managed.sort_by_key(Value::to_string);
    let mut document = Map::new();
    document.insert("RoleName".to_owned(), properties["RoleName"].clone());
    document.insert(
        "Path".to_owned(),
        properties
            .get("Path")
            .cloned()
            .unwrap_or_else(|| json!("/")),
    );
    document.insert(
        "AssumeRolePolicyDocument".to_owned(),
        properties["AssumeRolePolicyDocument"].clone(),
    );
    document.insert("Description".to_owned(), properties["Description"].clone());
    let session = properties.get("MaxSessionDuration").cloned();
    document.insert(
        "MaxSessionDuration".to_owned(),
        session.unwrap_or_else(|| json!(3600)),
    );
    document.insert("ManagedPolicyArns".to_owned(), managed.into());
    document.insert("Policies".to_owned(), policies.into());
    document.insert("Tags".to_owned(), tags);
    document
}

/// The inline policies that the role's own resource does not have: resources of their own bring them.
const BESIDE: &str = "PoliciesBeside";

pub fn read_role(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("RoleName");
    let Some(role) = found(call(client, "GetRole", &[("RoleName", name)]))? else {
        return Ok(None);
    };
    let beside = wanted.document.get(BESIDE).and_then(Value::as_array);
    let is_beside =
        |policy: &str| beside.is_some_and(|beside| beside.iter().any(|name| name == policy));
    let mut policies = Map::new();
    let listed = call(client, "ListRolePolicies", &[("RoleName", name)])?;
    for policy in listed.members("PolicyNames").map(Element::own_text) {
        if !is_beside(policy) {
            let parameters = [("RoleName", name), ("PolicyName", policy)];
            let found = call(client, "GetRolePolicy", &parameters)?;
            policies.insert(
                policy.to_owned(),
                document(found.text("PolicyDocument").unwrap_or_default()),
            );
        }
    }
    let attached = call(client, "ListAttachedRolePolicies", &[("RoleName", name)])?;
    let mut managed: Vec<Value> = attached
        .members("AttachedPolicies")
        .filter_map(|policy| policy.text("PolicyArn").map(|arn| json!(arn)))
        .collect();
    // A managed policy of the same stack attaches itself.
    let attached_beside = wanted
        .document
        .get("ManagedBeside")
        .and_then(Value::as_array);
    managed.retain(|arn| !attached_beside.is_some_and(|beside| beside.contains(arn)));
    managed.sort_by_key(Value::to_string);
    let arn = role.text("Arn").unwrap_or_default().to_owned();
    let mut document = json!({
        "RoleName": name,
        "Path": role.text("Path"),
        "AssumeRolePolicyDocument": self::document(role.text("AssumeRolePolicyDocument").unwrap_or_default()),
        "Description": role.text("Description"),
        "MaxSessionDuration": role.text("MaxSessionDuration").unwrap_or("3600"),
        "ManagedPolicyArns": managed,
        "Policies": policies,
        "Tags": tags_of(&role),
    });
    for member in [BESIDE, "ManagedBeside"] {
        if let Some(beside) = wanted.document.get(member) {
            document[member] = beside.clone();
        }
    }
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Arn".to_owned(), arn),
            (
                "RoleId".to_owned(),
                role.text("RoleId").unwrap_or_default().to_owned(),
            ),
        ]
        .into(),
        identity: name.to_owned(),
        package: None,
    }))
}

pub fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

pub fn bring_role(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let name = wanted.text("RoleName");
    let trust = wanted.document["AssumeRolePolicyDocument"].to_string();
    let session = match &wanted.document["MaxSessionDuration"] {
        Value::String(text) => text.clone(),
        number => number.to_string(),
    };
    let empty = Map::new();
    let before = from.map_or(&empty, |state| &state.document);
    match from {
        None => {
            let mut parameters = vec![
                ("RoleName".to_owned(), name.to_owned()),
                ("Path".to_owned(), wanted.text("Path").to_owned()),
                ("AssumeRolePolicyDocument".to_owned(), trust),
                ("MaxSessionDuration".to_owned(), session),
            ];
            if !wanted.text("Description").is_empty() {
                parameters.push((
                    "Description".to_owned(),
                    wanted.text("Description").to_owned(),
                ));
            }
            parameters.extend(tag_parameters(&wanted.tags()));
            call(client, "CreateRole", &borrowed(&parameters))?;
        }
        Some(_) => {
            let parameters = [("RoleName", name), ("PolicyDocument", trust.as_str())];
            call(client, "UpdateAssumeRolePolicy", &parameters)?;
            let description = wanted.text("Description");
            let parameters = [
                ("RoleName", name),
                ("Description", description),
                ("MaxSessionDuration", &session),
            ];
            call(client, "UpdateRole", &parameters)?;
            let (set, removed) = tag_changes(before, &wanted.tags());
            bring_tags(client, "Role", ("RoleName", name), &set, &removed)?;
        }
    }
    bring_policies(client, name, before, wanted)
}

fn bring_tags(
    client: &Client,
    what: &str,
    (member, name): (&str, &str),
    set: &BTreeMap<String, String>,
    removed: &[String],
) -> Result<(), Error> {
    if !set.is_empty() {
        let mut parameters = vec![(member.to_owned(), name.to_owned())];
        parameters.extend(tag_parameters(set));
        call(client, &format!("Tag{what}"), &borrowed(&parameters))?;
    }
    if !removed.is_empty() {
        let mut parameters = vec![(member.to_owned(), name.to_owned())];
        for (index, key) in removed.iter().enumerate() {
            parameters.push((format!("TagKeys.member.{}", index + 1), key.clone()));
        }
        call(client, &format!("Untag{what}"), &borrowed(&parameters))?;
    }
    Ok(())
}

fn bring_policies(
    client: &Client,
    name: &str,
    before: &Map<String, Value>,
    wanted: &Wanted,
) -> Result<(), Error> {
    let of = |document: &Map<String, Value>| {
        object(document.get("Policies").cloned().unwrap_or_default())
    };
    let (before_policies, policies) = (of(before), of(&wanted.document));
    for (policy, document) in &policies {
        if before_policies.get(policy) != Some(document) {
            put_policy(client, name, policy, document)?;
        }
    }
    for policy in before_policies
        .keys()
        .filter(|policy| !policies.contains_key(*policy))
    {
        call(
            client,
            "DeleteRolePolicy",
            &[("RoleName", name), ("PolicyName", policy)],
        )?;
    }
    let arns = |document: &Map<String, Value>| -> Vec<String> {
        let arns = document.get("ManagedPolicyArns").and_then(Value::as_array);
        let arns = arns.into_iter().flatten();
        arns.filter_map(|arn| arn.as_str().map(str::to_owned))
            .collect()
    };
    let (before_arns, arns) = (arns(before), arns(&wanted.document));
    for arn in arns.iter().filter(|arn| !before_arns.contains(arn)) {
        call(
            client,
            "AttachRolePolicy",
            &[("RoleName", name), ("PolicyArn", arn)],
        )?;
    }
    for arn in before_arns.iter().filter(|arn| !arns.contains(arn)) {
        call(
            client,
            "DetachRolePolicy",
            &[("RoleName", name), ("PolicyArn", arn)],
        )?;
    }
    Ok(())
}

fn put_policy(client: &Client, role: &str, name: &str, document: &Value) -> Result<(), Error> {
    let document = document.to_string();
    let parameters = [
        ("RoleName", role),
        ("PolicyName", name),
        ("PolicyDocument", document.as_str()),
    ];
    call(client, "PutRolePolicy", &parameters).map(drop)
}

/// AWS: a role goes only after its policies.
pub fn delete_role(client: &Client, name: &str) -> Result<(), Error> {
    let listed = call(client, "ListRolePolicies", &[("RoleName", name)])?;
    for policy in listed.members("PolicyNames").map(Element::own_text) {
        call(
            client,
            "DeleteRolePolicy",
            &[("RoleName", name), ("PolicyName", policy)],
        )?;
    }
    let attached = call(client, "ListAttachedRolePolicies", &[("RoleName", name)])?;
    for arn in attached
        .members("AttachedPolicies")
        .filter_map(|policy| policy.text("PolicyArn"))
    {
        call(
            client,
            "DetachRolePolicy",
            &[("RoleName", name), ("PolicyArn", arn)],
        )?;
    }
    call(client, "DeleteRole", &[("RoleName", name)]).map(drop)
}

/// The names of the roles that have this policy.
fn roles(wanted: &Wanted) -> Vec<&str> {
    let roles = wanted.document.get("Roles").and_then(Value::as_array);
    roles
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

pub fn read_inline(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("PolicyName");
    let mut having = Vec::new();
    let mut existing = Value::Null;
    for role in roles(wanted) {
        let parameters = [("RoleName", role), ("PolicyName", name)];
        if let Some(policy) = found(call(client, "GetRolePolicy", &parameters))? {
            existing = document(policy.text("PolicyDocument").unwrap_or_default());
            having.push(role);
        }
    }
    if having.is_empty() {
        return Ok(None);
    }
    let document = json!({"PolicyName": name, "PolicyDocument": existing, "Roles": having});
    Ok(Some(State {
        document: object(document),
        attributes: [("Ref".to_owned(), name.to_owned())].into(),
        identity: format!("{name} {}", roles(wanted).join(" ")),
        package: None,
    }))
}

pub fn bring_inline(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let document = wanted
        .document
        .get("PolicyDocument")
        .cloned()
        .unwrap_or_default();
    for role in roles(wanted) {
        put_policy(client, role, wanted.text("PolicyName"), &document)?;
    }
    Ok(())
}

/// - `identity`: the policy's name, then its roles.
pub fn delete_inline(client: &Client, identity: &str) -> Result<(), Error> {
    let mut parts = identity.split(' ');
    let name = parts.next().unwrap_or_default();
    for role in parts {
        found(call(
            client,
            "DeleteRolePolicy",
            &[("RoleName", role), ("PolicyName", name)],
        ))?;
    }
    Ok(())
}

pub fn read_managed(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let arn = wanted.text("Arn");
    let Some(policy) = found(call(client, "GetPolicy", &[("PolicyArn", arn)]))? else {
        return Ok(None);
    };
    let version = policy.text("DefaultVersionId").unwrap_or("v1");
    let parameters = [("PolicyArn", arn), ("VersionId", version)];
    let found_version = call(client, "GetPolicyVersion", &parameters)?;
    let tags = call(client, "ListPolicyTags", &[("PolicyArn", arn)])?;
    let mut having = Vec::new();
    for role in roles(wanted) {
        let attached = found(call(
            client,
            "ListAttachedRolePolicies",
            &[("RoleName", role)],
        ))?;
        let is_attached = attached.is_some_and(|attached| {
            attached
                .members("AttachedPolicies")
                .any(|policy| policy.text("PolicyArn") == Some(arn))
        });
        having.extend(is_attached.then_some(role));
    }
    let document = json!({
        "Arn": arn,
        "ManagedPolicyName": policy.text("PolicyName"),
        "Path": policy.text("Path"),
        "Description": policy.text("Description"),
        "PolicyDocument": document(found_version.text("Document").unwrap_or_default()),
        "Roles": having,
        "Tags": tags_of(&tags),
    });
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), arn.to_owned()),
            ("PolicyArn".to_owned(), arn.to_owned()),
        ]
        .into(),
        identity: arn.to_owned(),
        package: None,
    }))
}

pub fn bring_managed(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let arn = wanted.text("Arn");
    let document = wanted.document["PolicyDocument"].to_string();
    let is_other = from
        .is_none_or(|state| state.document["PolicyDocument"] != wanted.document["PolicyDocument"]);
    if from.is_some() && is_other {
        // A changed document is another policy: versions of policies are not there to be switched.
        delete_managed(client, arn)?;
    }
    if is_other {
        let mut parameters = vec![
            (
                "PolicyName".to_owned(),
                wanted.text("ManagedPolicyName").to_owned(),
            ),
            ("Path".to_owned(), wanted.text("Path").to_owned()),
            ("PolicyDocument".to_owned(), document),
        ];
        if !wanted.text("Description").is_empty() {
            parameters.push((
                "Description".to_owned(),
                wanted.text("Description").to_owned(),
            ));
        }
        parameters.extend(tag_parameters(&wanted.tags()));
        call(client, "CreatePolicy", &borrowed(&parameters))?;
    } else if let Some(state) = from {
        let (set, removed) = tag_changes(&state.document, &wanted.tags());
        bring_tags(client, "Policy", ("PolicyArn", arn), &set, &removed)?;
    }
    for role in roles(wanted) {
        call(
            client,
            "AttachRolePolicy",
            &[("RoleName", role), ("PolicyArn", arn)],
        )?;
    }
    Ok(())
}

/// AWS: a policy goes only after nobody has it.
pub fn delete_managed(client: &Client, arn: &str) -> Result<(), Error> {
    for role in list_roles(client)? {
        let attached = call(client, "ListAttachedRolePolicies", &[("RoleName", &role)])?;
        let mut attached = attached.members("AttachedPolicies");
        if attached.any(|policy| policy.text("PolicyArn") == Some(arn)) {
            call(
                client,
                "DetachRolePolicy",
                &[("RoleName", &role), ("PolicyArn", arn)],
            )?;
        }
    }
    call(client, "DeletePolicy", &[("PolicyArn", arn)]).map(drop)
}

/// Items of a paged listing of IAM.
fn listed<T>(
    client: &Client,
    operation: &str,
    parameters: &[(&str, &str)],
    member: &str,
    of: impl Fn(&Element) -> Option<T>,
) -> Result<Vec<T>, Error> {
    let mut items = Vec::new();
    let mut marker: Option<String> = None;
    for _ in 0..crate::client::PAGES_MAX {
        let mut parameters = parameters.to_vec();
        if let Some(marker) = &marker {
            parameters.push(("Marker", marker));
        }
        let page = call(client, operation, &parameters)?;
        items.extend(page.members(member).filter_map(&of));
        marker = page.text("Marker").map(str::to_owned);
        if marker.is_none() || page.text("IsTruncated") != Some("true") {
            break;
        }
    }
    Ok(items)
}

fn list_roles(client: &Client) -> Result<Vec<String>, Error> {
    listed(client, "ListRoles", &[], "Roles", |role| {
        role.text("RoleName").map(str::to_owned)
    })
}

/// Name and tags of every role.
pub fn tagged_roles(client: &Client, stack: &str) -> Result<Vec<(String, Value)>, Error> {
    let mut found = Vec::new();
    for role in list_roles(client)? {
        let tags = tags_of(&call(client, "ListRoleTags", &[("RoleName", &role)])?);
        if tags[STACK_NAME_TAG] == stack {
            found.push((role, tags));
        }
    }
    Ok(found)
}

/// ARN and tags of every policy of the account's own.
pub fn tagged_policies(client: &Client, stack: &str) -> Result<Vec<(String, Value)>, Error> {
    let arns = listed(
        client,
        "ListPolicies",
        &[("Scope", "Local")],
        "Policies",
        |policy| policy.text("Arn").map(str::to_owned),
    )?;
    let mut found = Vec::new();
    for arn in arns {
        let tags = tags_of(&call(client, "ListPolicyTags", &[("PolicyArn", &arn)])?);
        if tags[STACK_NAME_TAG] == stack {
            found.push((arn, tags));
        }
    }
    Ok(found)
}
