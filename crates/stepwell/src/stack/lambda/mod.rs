//! Lambda: layers, versions, aliases, permissions, URLs, configuration of asynchronous calls.

pub mod function;

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use super::{STACK_NAME_TAG, State, Wanted, iam::object, kinds::found};
use crate::client::{Client, Error, escaped};

/// The path of something of a function.
fn path(date: &str, function: &str, rest: &str) -> String {
    format!("/{date}/functions/{}{rest}", escaped(function))
}

/// Nothing instead of an error that says that the server has not built the operation.
pub fn if_built<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is("NotImplemented") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tags of a function; nothing if the server keeps none.
fn tags(client: &Client, arn: &str) -> Result<Option<Map<String, Value>>, Error> {
    let path = format!("/2017-03-31/tags/{}", escaped(arn));
    let answer = if_built(client.rest("ListTags", "GET", &path, None))?;
    Ok(answer.map(|mut answer| object(answer["Tags"].take())))
}

fn set_tags(
    client: &Client,
    arn: &str,
    set: &BTreeMap<String, String>,
    removed: &[String],
) -> Result<(), Error> {
    let path = format!("/2017-03-31/tags/{}", escaped(arn));
    if !set.is_empty() {
        let body = json!({ "Tags": set });
        if_built(client.rest("TagResource", "POST", &path, Some(&body)))?;
    }
    if !removed.is_empty() {
        let keys: Vec<String> = removed
            .iter()
            .map(|key| format!("tagKeys={}", escaped(key)))
            .collect();
        let path = format!("{path}?{}", keys.join("&"));
        if_built(client.rest("UntagResource", "DELETE", &path, None))?;
    }
    Ok(())
}

/// Name and tags of every function of a stack.
pub fn tagged_functions(client: &Client, stack: &str) -> Result<Vec<(String, Value)>, Error> {
    let mut found = Vec::new();
    for function in client.list_functions()? {
        let arn = function["FunctionArn"].as_str().unwrap_or_default();
        let tags = Value::Object(tags(client, arn)?.unwrap_or_default());
        if tags[STACK_NAME_TAG] == stack {
            let name = function["FunctionName"].as_str().unwrap_or_default();
            found.push((name.to_owned(), tags));
        }
    }
    Ok(found)
}

// Layers

fn layer_path(name: &str, rest: &str) -> String {
    format!("/2018-10-31/layers/{}/versions{rest}", escaped(name))
}

pub fn read_layer(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("LayerName");
    let listed = found(client.rest("ListLayerVersions", "GET", &layer_path(name, ""), None))?;
    let newest = listed.and_then(|mut listed| {
        listed["LayerVersions"].as_array_mut().and_then(|versions| {
            versions.sort_by_key(|version| version["Version"].as_u64());
            versions.pop()
        })
    });
    let Some(newest) = newest else {
        return Ok(None);
    };
    let version = newest["Version"].to_string();
    let layer = client.rest(
        "GetLayerVersion",
        "GET",
        &layer_path(name, &format!("/{version}")),
        None,
    )?;
    let arn = newest["LayerVersionArn"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let document = json!({
        "LayerName": name,
        "CodeSha256": layer["Content"]["CodeSha256"],
        "Description": layer["Description"],
        "CompatibleRuntimes": layer["CompatibleRuntimes"],
        "CompatibleArchitectures": layer["CompatibleArchitectures"],
        "LicenseInfo": layer["LicenseInfo"],
    });
    let attributes = ["Ref", "Arn", "LayerVersionArn"].map(|name| (name.to_owned(), arn.clone()));
    Ok(Some(State {
        document: object(document),
        attributes: attributes.into(),
        identity: format!("{name} {version}"),
        package: None,
    }))
}

pub fn bring_layer(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let mut body = wanted.picked(&[
        "Description",
        "CompatibleRuntimes",
        "CompatibleArchitectures",
        "LicenseInfo",
    ]);
    let package = wanted.package.as_ref().map(|package| package.as_slice());
    body["Content"] = json!({ "ZipFile": BASE64.encode(package.unwrap_or_default()) });
    let path = layer_path(wanted.text("LayerName"), "");
    client
        .rest("PublishLayerVersion", "POST", &path, Some(&body))
        .map(drop)
}

pub fn delete_layer(client: &Client, identity: &str) -> Result<(), Error> {
    let (name, version) = identity.split_once(' ').unwrap_or((identity, "1"));
    client
        .rest(
            "DeleteLayerVersion",
            "DELETE",
            &layer_path(name, &format!("/{version}")),
            None,
        )
        .map(drop)
}

// Versions

pub fn read_version(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("FunctionName");
    let mut marker = String::new();
    let mut newest: Option<(u64, Value)> = None;
    for _ in 0..crate::client::PAGES_MAX {
        let path = path(
            "2015-03-31",
            name,
            &format!("/versions?MaxItems=50{marker}"),
        );
        let Some(mut page) = found(client.rest("ListVersionsByFunction", "GET", &path, None))?
        else {
            return Ok(None);
        };
        let versions = page["Versions"]
            .as_array_mut()
            .map(std::mem::take)
            .unwrap_or_default();
        for version in versions {
            let number = version["Version"]
                .as_str()
                .and_then(|number| number.parse().ok());
            if let Some(number) =
                number.filter(|number| newest.as_ref().is_none_or(|(newest, _)| number > newest))
            {
                newest = Some((number, version));
            }
        }
        match page["NextMarker"].as_str() {
            Some(next) => marker = format!("&Marker={}", escaped(next)),
            None => break,
        }
    }
    let Some((number, version)) = newest else {
        return Ok(None);
    };
    let arn = version["FunctionArn"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let mut document = json!({ "FunctionName": name });
    for member in ["CodeSha256", "Description"] {
        if wanted.document.get(member).is_some() {
            document[member] = version[member].clone();
        }
    }
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), arn.clone()),
            ("FunctionArn".to_owned(), arn),
            ("Version".to_owned(), number.to_string()),
        ]
        .into(),
        identity: format!("{name} {number}"),
        package: None,
    }))
}

pub fn bring_version(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let body = wanted.picked(&["CodeSha256", "Description"]);
    let path = path("2015-03-31", wanted.text("FunctionName"), "/versions");
    client
        .rest("PublishVersion", "POST", &path, Some(&body))
        .map(drop)
}

pub fn delete_version(client: &Client, identity: &str) -> Result<(), Error> {
    let (name, version) = identity.split_once(' ').unwrap_or((identity, ""));
    let path = path("2015-03-31", name, &format!("?Qualifier={version}"));
    client
        .rest("DeleteFunction", "DELETE", &path, None)
        .map(drop)
}

// Aliases

pub fn read_alias(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (function, name) = (wanted.text("FunctionName"), wanted.text("Name"));
    let path = path(
        "2015-03-31",
        function,
        &format!("/aliases/{}", escaped(name)),
    );
    let Some(alias) = found(client.rest("GetAlias", "GET", &path, None))? else {
        return Ok(None);
    };
    let arn = alias["AliasArn"].as_str().unwrap_or_default().to_owned();
    let provisioned = found(client.rest(
        "GetProvisionedConcurrencyConfig",
        "GET",
        &provisioned_path(function, name),
        None,
    ));
    let provisioned = if_built(provisioned)?.flatten();
    let mut document = json!({
        "FunctionName": function,
        "Name": name,
        "FunctionVersion": alias["FunctionVersion"],
        "Description": alias["Description"],
        "RoutingConfig": alias["RoutingConfig"],
    });
    if let Some(provisioned) = provisioned {
        document["ProvisionedConcurrencyConfig"] = json!({
            "ProvisionedConcurrentExecutions": provisioned["RequestedProvisionedConcurrentExecutions"],
        });
    }
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), arn.clone()),
            ("AliasArn".to_owned(), arn),
        ]
        .into(),
        identity: format!("{function} {name}"),
        package: None,
    }))
}

fn provisioned_path(function: &str, qualifier: &str) -> String {
    path(
        "2019-09-30",
        function,
        &format!("/provisioned-concurrency?Qualifier={}", escaped(qualifier)),
    )
}

pub fn bring_alias(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
    changed: &[String],
) -> Result<(), Error> {
    let (function, name) = (wanted.text("FunctionName"), wanted.text("Name"));
    let mut body = wanted.picked(&["FunctionVersion", "Description"]);
    body["RoutingConfig"] = routing(wanted);
    let aliases = path("2015-03-31", function, "/aliases");
    match from {
        None => {
            body["Name"] = json!(name);
            client.rest("CreateAlias", "POST", &aliases, Some(&body))?;
        }
        Some(_) => {
            let path = format!("{aliases}/{}", escaped(name));
            client.rest("UpdateAlias", "PUT", &path, Some(&body))?;
        }
    }
    let provisioned = wanted.document.get("ProvisionedConcurrencyConfig");
    let provisioned = provisioned.filter(|provisioned| !provisioned.is_null());
    let is_changed = from.is_none()
        || changed
            .iter()
            .any(|member| member == "ProvisionedConcurrencyConfig");
    let path = provisioned_path(function, name);
    match provisioned {
        Some(provisioned) if is_changed => client
            .rest(
                "PutProvisionedConcurrencyConfig",
                "PUT",
                &path,
                Some(provisioned),
            )
            .map(drop),
        None if is_changed && from.is_some() => client
            .rest("DeleteProvisionedConcurrencyConfig", "DELETE", &path, None)
            .map(drop),
        _ => Ok(()),
    }
}

/// CloudFormation writes weights as a list, the API takes a map.
fn routing(wanted: &Wanted) -> Value {
    let weights = wanted
        .document
        .get("RoutingConfig")
        .map(|routing| &routing["AdditionalVersionWeights"]);
    let weights = weights.cloned().unwrap_or_default();
    json!({ "AdditionalVersionWeights": if weights.is_object() { weights } else { json!({}) } })
}

/// An alias's document as a template writes it.
pub fn alias_document(properties: &Value) -> Map<String, Value> {
    let mut document = named_document(properties);
    if let Some(weights) = properties["RoutingConfig"]["AdditionalVersionWeights"].as_array() {
        let weights: Map<String, Value> = weights
            .iter()
            .filter_map(|weight| {
                let version = weight["FunctionVersion"].as_str()?;
                Some((version.to_owned(), weight["FunctionWeight"].clone()))
            })
            .collect();
        document["RoutingConfig"] = json!({ "AdditionalVersionWeights": weights });
    }
    document.remove("DeploymentPreference");
    document
}

pub fn delete_alias(client: &Client, identity: &str) -> Result<(), Error> {
    let (function, name) = identity.split_once(' ').unwrap_or((identity, ""));
    let path = path(
        "2015-03-31",
        function,
        &format!("/aliases/{}", escaped(name)),
    );
    client.rest("DeleteAlias", "DELETE", &path, None).map(drop)
}

// Permissions

/// A document whose `FunctionName` is a name, however the template writes it.
pub fn named_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    let (name, _) = qualified(properties["FunctionName"].as_str().unwrap_or_default());
    document.insert("FunctionName".to_owned(), json!(name));
    document
}

/// A permission's document: the members of `AddPermission`.
pub fn permission_document(properties: &Value, sid: &str) -> Map<String, Value> {
    let mut document = object(properties.clone());
    let function = properties["FunctionName"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let (function, qualifier) = qualified(&function);
    document.insert("FunctionName".to_owned(), json!(function));
    if !qualifier.is_empty() {
        document.insert("Qualifier".to_owned(), json!(qualifier));
    }
    document.insert("StatementId".to_owned(), json!(sid));
    document
}

/// The name of a function and what comes after it, of a name or an ARN.
pub fn qualified(function: &str) -> (String, String) {
    if stepwell_template::is_open(function) {
        return (function.to_owned(), String::new());
    }
    let after = match function.starts_with("arn:") {
        true => function.splitn(7, ':').nth(6).unwrap_or_default(),
        false => function,
    };
    match after.split_once(':') {
        Some((name, qualifier)) => (name.to_owned(), qualifier.to_owned()),
        None => (after.to_owned(), String::new()),
    }
}

/// `?Qualifier=..`, or nothing.
fn qualifier_query(qualifier: &str) -> String {
    match qualifier {
        "" => String::new(),
        qualifier => format!("?Qualifier={}", escaped(qualifier)),
    }
}

pub fn read_permission(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (function, qualifier) = (wanted.text("FunctionName"), wanted.text("Qualifier"));
    let path = path(
        "2015-03-31",
        function,
        &format!("/policy{}", qualifier_query(qualifier)),
    );
    let Some(policy) = found(client.rest("GetPolicy", "GET", &path, None))? else {
        return Ok(None);
    };
    let policy: Value =
        serde_json::from_str(policy["Policy"].as_str().unwrap_or_default()).unwrap_or_default();
    let sid = wanted.text("StatementId");
    let statements = policy["Statement"].as_array().into_iter().flatten();
    let Some(statement) = statements
        .into_iter()
        .find(|statement| statement["Sid"] == sid)
    else {
        return Ok(None);
    };
    let principal = match &statement["Principal"] {
        Value::Object(principal) => principal.values().next().cloned().unwrap_or_default(),
        text => text.clone(),
    };
    let condition = |key: &str| {
        let conditions = statement["Condition"].as_object().into_iter().flatten();
        conditions
            .into_iter()
            .find_map(|(_, members)| members.get(key))
            .cloned()
    };
    let mut document = json!({
        "FunctionName": function,
        "StatementId": sid,
        "Action": statement["Action"],
        "Principal": principal,
        "SourceArn": condition("AWS:SourceArn"),
        "SourceAccount": condition("AWS:SourceAccount"),
        "FunctionUrlAuthType": condition("lambda:FunctionUrlAuthType"),
        "PrincipalOrgID": condition("aws:PrincipalOrgID"),
    });
    // AWS: these leave no trace that is asked for here.
    for member in ["EventSourceToken", "InvokedViaFunctionUrl"] {
        if let Some(value) = wanted.document.get(member) {
            document[member] = value.clone();
        }
    }
    if !qualifier.is_empty() {
        document["Qualifier"] = json!(qualifier);
    }
    Ok(Some(State {
        document: object(document),
        attributes: [("Ref".to_owned(), sid.to_owned())].into(),
        identity: format!("{function} {qualifier} {sid}"),
        package: None,
    }))
}

pub fn bring_permission(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
) -> Result<(), Error> {
    if let Some(from) = from {
        delete_permission(client, &from.identity)?;
    }
    let body = wanted.picked(&[
        "Action",
        "EventSourceToken",
        "FunctionUrlAuthType",
        "InvokedViaFunctionUrl",
        "Principal",
        "PrincipalOrgID",
        "SourceAccount",
        "SourceArn",
        "StatementId",
    ]);
    let query = qualifier_query(wanted.text("Qualifier"));
    let path = path(
        "2015-03-31",
        wanted.text("FunctionName"),
        &format!("/policy{query}"),
    );
    client
        .rest("AddPermission", "POST", &path, Some(&body))
        .map(drop)
}

/// - `identity`: function, qualifier and statement.
pub fn delete_permission(client: &Client, identity: &str) -> Result<(), Error> {
    let parts: Vec<&str> = identity.split(' ').collect();
    let [function, qualifier, sid] = parts.as_slice() else {
        return Ok(());
    };
    let query = qualifier_query(qualifier);
    let path = path(
        "2015-03-31",
        function,
        &format!("/policy/{}{query}", escaped(sid)),
    );
    client
        .rest("RemovePermission", "DELETE", &path, None)
        .map(drop)
}

// URLs

/// A URL's document: `TargetFunctionArn` as function and qualifier.
pub fn url_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    let target = document.remove("TargetFunctionArn").unwrap_or_default();
    let (function, qualifier) = qualified(target.as_str().unwrap_or_default());
    document.insert("FunctionName".to_owned(), json!(function));
    if !qualifier.is_empty() {
        document.insert("Qualifier".to_owned(), json!(qualifier));
    }
    document
        .entry("InvokeMode".to_owned())
        .or_insert_with(|| json!("BUFFERED"));
    document
}

pub fn read_url(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (function, qualifier) = (wanted.text("FunctionName"), wanted.text("Qualifier"));
    let path = path(
        "2021-10-31",
        function,
        &format!("/url{}", qualifier_query(qualifier)),
    );
    let Some(url) = found(client.rest("GetFunctionUrlConfig", "GET", &path, None))? else {
        return Ok(None);
    };
    let mut document = json!({
        "FunctionName": function,
        "AuthType": url["AuthType"],
        "Cors": url["Cors"],
        "InvokeMode": url.get("InvokeMode").cloned().unwrap_or_else(|| json!("BUFFERED")),
    });
    if !qualifier.is_empty() {
        document["Qualifier"] = json!(qualifier);
    }
    let text = |member: &str| url[member].as_str().unwrap_or_default().to_owned();
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), text("FunctionArn")),
            ("FunctionArn".to_owned(), text("FunctionArn")),
            ("FunctionUrl".to_owned(), text("FunctionUrl")),
        ]
        .into(),
        identity: format!("{function} {qualifier}"),
        package: None,
    }))
}

pub fn bring_url(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let mut body = wanted.picked(&["AuthType", "Cors", "InvokeMode"]);
    let query = qualifier_query(wanted.text("Qualifier"));
    let path = path(
        "2021-10-31",
        wanted.text("FunctionName"),
        &format!("/url{query}"),
    );
    match from {
        None => client.rest("CreateFunctionUrlConfig", "POST", &path, Some(&body)),
        Some(_) => {
            if body.get("Cors").is_none() {
                body["Cors"] = json!({});
            }
            client.rest("UpdateFunctionUrlConfig", "PUT", &path, Some(&body))
        }
    }
    .map(drop)
}

pub fn delete_url(client: &Client, identity: &str) -> Result<(), Error> {
    let (function, qualifier) = identity.split_once(' ').unwrap_or((identity, ""));
    let path = path(
        "2021-10-31",
        function,
        &format!("/url{}", qualifier_query(qualifier)),
    );
    client
        .rest("DeleteFunctionUrlConfig", "DELETE", &path, None)
        .map(drop)
}

// Asynchronous calls

fn event_invoke_path(function: &str, qualifier: &str) -> String {
    path(
        "2019-09-25",
        function,
        &format!("/event-invoke-config?Qualifier={}", escaped(qualifier)),
    )
}

pub fn read_event_invoke(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (function, qualifier) = (wanted.text("FunctionName"), wanted.text("Qualifier"));
    let path = event_invoke_path(function, qualifier);
    let Some(config) = found(client.rest("GetFunctionEventInvokeConfig", "GET", &path, None))?
    else {
        return Ok(None);
    };
    let document = json!({
        "FunctionName": function,
        "Qualifier": qualifier,
        "MaximumEventAgeInSeconds": config["MaximumEventAgeInSeconds"],
        "MaximumRetryAttempts": config["MaximumRetryAttempts"],
        "DestinationConfig": config["DestinationConfig"],
    });
    Ok(Some(State {
        document: object(document),
        attributes: BTreeMap::new(),
        identity: format!("{function} {qualifier}"),
        package: None,
    }))
}

pub fn bring_event_invoke(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let body = wanted.picked(&[
        "DestinationConfig",
        "MaximumEventAgeInSeconds",
        "MaximumRetryAttempts",
    ]);
    let path = event_invoke_path(wanted.text("FunctionName"), wanted.text("Qualifier"));
    client
        .rest("PutFunctionEventInvokeConfig", "PUT", &path, Some(&body))
        .map(drop)
}

pub fn delete_event_invoke(client: &Client, identity: &str) -> Result<(), Error> {
    let (function, qualifier) = identity.split_once(' ').unwrap_or((identity, "$LATEST"));
    let path = event_invoke_path(function, qualifier);
    client
        .rest("DeleteFunctionEventInvokeConfig", "DELETE", &path, None)
        .map(drop)
}
