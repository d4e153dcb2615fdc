//! API Gateway: REST APIs with deployments and stages, HTTP APIs with stages. An API is found by its tags.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    BODY_TAG, LOGICAL_ID_TAG, STACK_ID_TAG, STACK_NAME_TAG, State, Wanted, iam::object,
    kinds::found, lambda::if_built, tag_changes,
};
use crate::client::{Client, Error, PAGES_MAX, escaped};

/// An API's document: its OpenAPI document is compared by a hash that a tag keeps.
pub fn api_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    let hash = crate::packaging::sha256(properties["Body"].to_string().as_bytes());
    // Tags take neither `+` nor `=` everywhere; a part of the hash is enough to tell documents apart.
    let hash: String = hash
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(32)
        .collect();
    document.insert("BodyHash".to_owned(), json!(hash));
    let mut tags = object(document.remove("Tags").unwrap_or_default());
    tags.insert(BODY_TAG.to_owned(), json!(hash));
    document.insert("Tags".to_owned(), tags.into());
    document
}

/// The document without the body, which is not asked back from the server.
fn state(
    api: &Value,
    wanted: &Wanted,
    members: [(&str, &str); 3],
    tags: Map<String, Value>,
) -> Map<String, Value> {
    let mut document = Map::new();
    for (member, api_member) in members {
        if wanted.document.get(member).is_some() {
            document.insert(member.to_owned(), api[api_member].clone());
        }
    }
    for member in ["Policy", "FailOnWarnings"] {
        if let Some(value) = wanted.document.get(member) {
            document.insert(member.to_owned(), value.clone());
        }
    }
    let hash = tags.get(BODY_TAG).cloned().unwrap_or_default();
    if hash == wanted.document.get("BodyHash").cloned().unwrap_or_default() {
        document.insert("Body".to_owned(), wanted.document["Body"].clone());
    }
    document.insert("BodyHash".to_owned(), hash);
    document.insert("Tags".to_owned(), tags.into());
    document
}

fn belongs(tags: &Value, stack: &str, logical_id: &str) -> bool {
    tags[STACK_NAME_TAG] == stack && tags[LOGICAL_ID_TAG] == logical_id
}

/// Every REST API.
fn rest_apis(client: &Client) -> Result<Vec<Value>, Error> {
    let mut apis = Vec::new();
    let mut position = String::new();
    for _ in 0..PAGES_MAX {
        let path = format!("/restapis?limit=500{position}");
        let Some(mut page) = if_built(client.rest("GetRestApis", "GET", &path, None))? else {
            break;
        };
        if let Value::Array(found) = page["item"].take() {
            apis.extend(found);
        }
        match page["position"].as_str() {
            Some(next) => position = format!("&position={}", escaped(next)),
            None => break,
        }
    }
    Ok(apis)
}

fn http_apis(client: &Client) -> Result<Vec<Value>, Error> {
    let mut apis = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES_MAX {
        let path = format!("/v2/apis?maxResults=100{token}");
        let Some(mut page) = if_built(client.rest("GetApis", "GET", &path, None))? else {
            break;
        };
        if let Value::Array(found) = page["items"].take() {
            apis.extend(found);
        }
        match page["nextToken"].as_str() {
            Some(next) => token = format!("&nextToken={}", escaped(next)),
            None => break,
        }
    }
    Ok(apis)
}

/// Id, tags and whether it is an HTTP API, of every API of a stack.
pub fn tagged(client: &Client, stack: &str) -> Result<Vec<(String, Value, bool)>, Error> {
    let mut belonging = Vec::new();
    for (apis, id, is_http) in [
        (rest_apis(client)?, "id", false),
        (http_apis(client)?, "apiId", true),
    ] {
        for api in apis {
            if api["tags"][STACK_NAME_TAG] == stack {
                let id = api[id].as_str().unwrap_or_default().to_owned();
                belonging.push((id, api["tags"].clone(), is_http));
            }
        }
    }
    Ok(belonging)
}

// REST APIs

pub fn read_rest(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let apis = rest_apis(client)?;
    let found = apis
        .into_iter()
        .find(|api| belongs(&api["tags"], &wanted.stack_name, &wanted.logical_id));
    let Some(api) = found else { return Ok(None) };
    let id = api["id"].as_str().unwrap_or_default().to_owned();
    let members = [
        ("Name", "name"),
        ("Description", "description"),
        ("DisableExecuteApiEndpoint", "disableExecuteApiEndpoint"),
    ];
    let document = state(&api, wanted, members, object(api["tags"].clone()));
    let root = api["rootResourceId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok(Some(State {
        document,
        attributes: [
            ("Ref".to_owned(), id.clone()),
            ("RestApiId".to_owned(), id.clone()),
            ("RootResourceId".to_owned(), root),
        ]
        .into(),
        identity: id,
        package: None,
    }))
}

/// The ARN of an API: it names no account. The stack's own ARN says where it is.
fn arn(tags: &BTreeMap<String, String>, path: &str) -> String {
    let stack_id = tags
        .get(STACK_ID_TAG)
        .map(String::as_str)
        .unwrap_or_default();
    let part = |index: usize| stack_id.split(':').nth(index).unwrap_or_default();
    format!("arn:{}:apigateway:{}::{path}", part(1), part(3))
}

fn set_tags(
    client: &Client,
    path: &str,
    before: &Map<String, Value>,
    tags: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let (set, removed) = tag_changes(before, tags);
    let is_http = path.starts_with("/apis");
    let arn = escaped(&arn(tags, path));
    let path = if is_http {
        format!("/v2/tags/{arn}")
    } else {
        format!("/tags/{arn}")
    };
    if !set.is_empty() {
        let method = if is_http { "POST" } else { "PUT" };
        client.rest("TagResource", method, &path, Some(&json!({ "tags": set })))?;
    }
    if !removed.is_empty() {
        let keys: Vec<String> = removed
            .iter()
            .map(|key| format!("tagKeys={}", escaped(key)))
            .collect();
        client.rest(
            "UntagResource",
            "DELETE",
            &format!("{path}?{}", keys.join("&")),
            None,
        )?;
    }
    Ok(())
}

/// The API's document, with the name that the template gives.
fn body(wanted: &Wanted) -> Value {
    let mut body = wanted.document.get("Body").cloned().unwrap_or_default();
    if !wanted.text("Name").is_empty() && body.is_object() {
        body["info"]["title"] = json!(wanted.text("Name"));
    }
    if !wanted.text("Description").is_empty() && body.is_object() {
        body["info"]["description"] = json!(wanted.text("Description"));
    }
    body
}

pub fn bring_rest(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
    changed: &[String],
) -> Result<(), Error> {
    let empty = Map::new();
    let (id, before) = match from {
        None => {
            let created = client.rest(
                "ImportRestApi",
                "POST",
                "/restapis?mode=import",
                Some(&body(wanted)),
            )?;
            let id = created["id"].as_str().unwrap_or_default().to_owned();
            let tagged = set_tags(client, &format!("/restapis/{id}"), &empty, &wanted.tags());
            if tagged.is_err() {
                // Without its tags nobody would find it again.
                delete(client, "DeleteRestApi", "/restapis", &id)?;
            }
            return tagged;
        }
        Some(from) => (from.identity.clone(), &from.document),
    };
    let is_body = |member: &String| {
        !matches!(
            member.as_str(),
            "Tags" | "BodyHash" | "DisableExecuteApiEndpoint"
        )
    };
    if changed.iter().any(is_body) {
        restorable(wanted)?;
        let path = format!("/restapis/{id}?mode=overwrite");
        client.rest("PutRestApi", "PUT", &path, Some(&body(wanted)))?;
    }
    set_tags(client, &format!("/restapis/{id}"), before, &wanted.tags())
}

/// A document that was not kept cannot be put back.
fn restorable(wanted: &Wanted) -> Result<(), Error> {
    if wanted.document.get("Body").is_some_and(Value::is_object) {
        return Ok(());
    }
    Err(Error::Service {
        operation: "PutRestApi".to_owned(),
        code: "NotRestored".to_owned(),
        message:
            "the document of before is not kept by the server; stages go on with their deployments"
                .to_owned(),
    })
}

/// Deletes an API with all that is in it.
pub fn delete(client: &Client, operation: &str, path: &str, id: &str) -> Result<(), Error> {
    client
        .rest(
            operation,
            "DELETE",
            &format!("{path}/{}", escaped(id)),
            None,
        )
        .map(drop)
}

/// Deletes a deployment or stage.
///
/// - `identity`: the API's id, then the part's.
pub fn delete_part(client: &Client, path: &str, what: &str, identity: &str) -> Result<(), Error> {
    let (api, part) = identity.split_once(' ').unwrap_or((identity, ""));
    let operation = if what == "stages" {
        "DeleteStage"
    } else {
        "DeleteDeployment"
    };
    let path = format!("{path}/{}/{what}/{}", escaped(api), escaped(part));
    client.rest(operation, "DELETE", &path, None).map(drop)
}

pub fn read_deployment(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (api, description) = (wanted.text("RestApiId"), wanted.text("Description"));
    let path = format!("/restapis/{}/deployments?limit=500", escaped(api));
    let Some(listed) = found(client.rest("GetDeployments", "GET", &path, None))? else {
        return Ok(None);
    };
    let deployments = listed["item"].as_array().cloned().unwrap_or_default();
    // The one of this description, else the newest, which another will follow.
    let chosen = deployments
        .iter()
        .find(|deployment| deployment["description"] == description)
        .or_else(|| {
            deployments
                .iter()
                .max_by_key(|deployment| deployment["createdDate"].as_u64())
        });
    let Some(deployment) = chosen else {
        return Ok(None);
    };
    let id = deployment["id"].as_str().unwrap_or_default().to_owned();
    let document = json!({ "RestApiId": api, "Description": deployment["description"] });
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), id.clone()),
            ("DeploymentId".to_owned(), id.clone()),
        ]
        .into(),
        identity: format!("{api} {id}"),
        package: None,
    }))
}

pub fn bring_deployment(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let path = format!(
        "/restapis/{}/deployments",
        escaped(wanted.text("RestApiId"))
    );
    let body = json!({ "description": wanted.text("Description") });
    client
        .rest("CreateDeployment", "POST", &path, Some(&body))
        .map(drop)
}

pub fn read_rest_stage(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (api, name) = (wanted.text("RestApiId"), wanted.text("StageName"));
    let path = format!("/restapis/{}/stages/{}", escaped(api), escaped(name));
    let Some(stage) = found(client.rest("GetStage", "GET", &path, None))? else {
        return Ok(None);
    };
    let mut document = json!({
        "RestApiId": api,
        "StageName": name,
        "DeploymentId": stage["deploymentId"],
        "Variables": stage["variables"],
        "TracingEnabled": stage["tracingEnabled"],
        "Description": stage["description"],
    });
    if let Some(tags) = wanted.document.get("Tags") {
        document["Tags"] = tags.clone();
    }
    Ok(Some(State {
        document: object(document),
        attributes: [("Ref".to_owned(), name.to_owned())].into(),
        identity: format!("{api} {name}"),
        package: None,
    }))
}

pub fn bring_rest_stage(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
) -> Result<(), Error> {
    let (api, name) = (wanted.text("RestApiId"), wanted.text("StageName"));
    let path = format!("/restapis/{}/stages", escaped(api));
    let Some(from) = from else {
        let body = json!({
            "stageName": name,
            "deploymentId": wanted.text("DeploymentId"),
            "description": wanted.text("Description"),
            "variables": wanted.document.get("Variables").cloned().unwrap_or_else(|| json!({})),
            "tracingEnabled": wanted.document.get("TracingEnabled").is_some_and(|value| value == true || value == "true"),
        });
        return client
            .rest("CreateStage", "POST", &path, Some(&body))
            .map(drop);
    };
    let replace =
        |path: String, value: &str| json!({ "op": "replace", "path": path, "value": value });
    let mut operations = vec![replace(
        "/deploymentId".to_owned(),
        wanted.text("DeploymentId"),
    )];
    if wanted.text("Description") != from.document["Description"].as_str().unwrap_or_default() {
        operations.push(replace(
            "/description".to_owned(),
            wanted.text("Description"),
        ));
    }
    let variables = |document: &Map<String, Value>| {
        object(document.get("Variables").cloned().unwrap_or_default())
    };
    let (before, after) = (variables(&from.document), variables(&wanted.document));
    for (key, value) in &after {
        if before.get(key) != Some(value) {
            operations.push(replace(
                format!("/variables/{key}"),
                value.as_str().unwrap_or_default(),
            ));
        }
    }
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        operations.push(json!({ "op": "remove", "path": format!("/variables/{key}") }));
    }
    let body = json!({ "patchOperations": operations });
    client
        .rest(
            "UpdateStage",
            "PATCH",
            &format!("{path}/{}", escaped(name)),
            Some(&body),
        )
        .map(drop)
}

// HTTP APIs

pub fn read_http(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let apis = http_apis(client)?;
    let found = apis
        .into_iter()
        .find(|api| belongs(&api["tags"], &wanted.stack_name, &wanted.logical_id));
    let Some(api) = found else { return Ok(None) };
    let id = api["apiId"].as_str().unwrap_or_default().to_owned();
    let members = [
        ("Name", "name"),
        ("Description", "description"),
        ("DisableExecuteApiEndpoint", "disableExecuteApiEndpoint"),
    ];
    let document = state(&api, wanted, members, object(api["tags"].clone()));
    let endpoint = api["apiEndpoint"].as_str().unwrap_or_default().to_owned();
    Ok(Some(State {
        document,
        attributes: [
            ("Ref".to_owned(), id.clone()),
            ("ApiId".to_owned(), id.clone()),
            ("ApiEndpoint".to_owned(), endpoint),
        ]
        .into(),
        identity: id,
        package: None,
    }))
}

pub fn bring_http(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
    changed: &[String],
) -> Result<(), Error> {
    let document = json!({ "body": body(wanted).to_string() });
    let Some(from) = from else {
        let created = client.rest("ImportApi", "PUT", "/v2/apis", Some(&document))?;
        let id = created["apiId"].as_str().unwrap_or_default().to_owned();
        let tagged = set_tags(client, &format!("/apis/{id}"), &Map::new(), &wanted.tags());
        if tagged.is_err() {
            // Without its tags nobody would find it again.
            delete(client, "DeleteApi", "/v2/apis", &id)?;
        }
        return tagged;
    };
    let id = &from.identity;
    let is_body = |member: &String| {
        !matches!(
            member.as_str(),
            "Tags" | "BodyHash" | "DisableExecuteApiEndpoint"
        )
    };
    if changed.iter().any(is_body) {
        restorable(wanted)?;
        client.rest(
            "ReimportApi",
            "PUT",
            &format!("/v2/apis/{}", escaped(id)),
            Some(&document),
        )?;
    }
    set_tags(
        client,
        &format!("/apis/{id}"),
        &from.document,
        &wanted.tags(),
    )
}

pub fn read_http_stage(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (api, name) = (wanted.text("ApiId"), wanted.text("StageName"));
    let path = format!("/v2/apis/{}/stages/{}", escaped(api), escaped(name));
    let Some(stage) = found(client.rest("GetStage", "GET", &path, None))? else {
        return Ok(None);
    };
    let mut document = json!({
        "ApiId": api,
        "StageName": name,
        "AutoDeploy": stage["autoDeploy"],
        "StageVariables": stage["stageVariables"],
        "Description": stage["description"],
    });
    if let Some(tags) = wanted.document.get("Tags") {
        document["Tags"] = tags.clone();
    }
    Ok(Some(State {
        document: object(document),
        attributes: [("Ref".to_owned(), name.to_owned())].into(),
        identity: format!("{api} {name}"),
        package: None,
    }))
}

pub fn bring_http_stage(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
) -> Result<(), Error> {
    let (api, name) = (wanted.text("ApiId"), wanted.text("StageName"));
    let path = format!("/v2/apis/{}/stages", escaped(api));
    let mut body = json!({
        "autoDeploy": wanted.document.get("AutoDeploy").is_some_and(|value| value == true || value == "true"),
        "stageVariables": wanted.document.get("StageVariables").cloned().unwrap_or_else(|| json!({})),
    });
    if !wanted.text("Description").is_empty() {
        body["description"] = json!(wanted.text("Description"));
    }
    match from {
        None => {
            body["stageName"] = json!(name);
            client
                .rest("CreateStage", "POST", &path, Some(&body))
                .map(drop)
        }
        Some(_) => client
            .rest(
                "UpdateStage",
                "PATCH",
                &format!("{path}/{}", escaped(name)),
                Some(&body),
            )
            .map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_body_has_another_hash_and_the_hash_is_a_tag() {
        let hash = |body: Value| api_document(&json!({ "Body": body }))["Tags"][BODY_TAG].clone();
        assert_eq!(hash(json!({"a": 1})), hash(json!({"a": 1})));
        assert_ne!(hash(json!({"a": 1})), hash(json!({"a": 2})));
        let text = hash(json!({"a": 1}));
        assert!(
            text.as_str()
                .is_some_and(|text| text.chars().all(|c| c.is_ascii_alphanumeric()))
        );
    }
}
