//! A function: its configuration, its code, its reserved concurrency and its tags.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};

use super::path;
use crate::{
    client::{Client, Error},
    stack::{State, Wanted, iam::object, kinds::found, tag_changes},
};

/// What `CreateFunction` and `UpdateFunctionConfiguration` both take.
const CONFIGURATION: [&str; 12] = [
    "DeadLetterConfig",
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
];
/// AWS: an update is in progress for a moment.
const SETTLED_TIMEOUT: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_millis(5);

/// A function's document as a template writes it.
pub fn document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    let mut default = |member: &str, value: Value| {
        document.entry(member.to_owned()).or_insert(value);
    };
    default("TracingConfig", json!({ "Mode": "PassThrough" }));
    default("EphemeralStorage", json!({ "Size": 512 }));
    document
}

pub fn read(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("FunctionName");
    let Some(configuration) = found(client.get_function_configuration(name))? else {
        return Ok(None);
    };
    let mut document = Map::new();
    document.insert("FunctionName".to_owned(), json!(name));
    for member in CONFIGURATION {
        document.insert(member.to_owned(), configuration[member].clone());
    }
    document["TracingConfig"] = match &configuration["TracingConfig"] {
        Value::Null => json!({ "Mode": "PassThrough" }),
        tracing => tracing.clone(),
    };
    if document["EphemeralStorage"].is_null() {
        document["EphemeralStorage"] = json!({ "Size": 512 });
    }
    let layers = configuration["Layers"].as_array().into_iter().flatten();
    document["Layers"] = layers.map(|layer| layer["Arn"].clone()).collect();
    // What nobody asked for and the service made up.
    for member in ["LoggingConfig", "Description"] {
        if wanted.document.get(member).is_none() {
            document.remove(member);
        }
    }
    document.insert(
        "Architectures".to_owned(),
        configuration["Architectures"].clone(),
    );
    document.insert("CodeSha256".to_owned(), configuration["CodeSha256"].clone());
    let reserved = found(client.rest(
        "GetFunctionConcurrency",
        "GET",
        &path("2019-09-30", name, "/concurrency"),
        None,
    ));
    let reserved = super::if_built(reserved)?.flatten().unwrap_or_default();
    document.insert(
        "ReservedConcurrentExecutions".to_owned(),
        reserved["ReservedConcurrentExecutions"].clone(),
    );
    let arn = configuration["FunctionArn"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let wanted_tags = || wanted.document.get("Tags").cloned().unwrap_or_default();
    let tags = super::tags(client, &arn)?.map_or_else(wanted_tags, Value::Object);
    document.insert("Tags".to_owned(), tags);
    let sha = configuration["CodeSha256"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    Ok(Some(State {
        document,
        attributes: [("Arn".to_owned(), arn), ("CodeSha256".to_owned(), sha)].into(),
        identity: name.to_owned(),
        package: None,
    }))
}

/// The code that a function has now, for putting it back.
pub fn package(client: &Client, name: &str) -> Result<Option<Arc<Vec<u8>>>, Error> {
    let Some(function) =
        found(client.rest("GetFunction", "GET", &path("2015-03-31", name, ""), None))?
    else {
        return Ok(None);
    };
    match function["Code"]["Location"].as_str() {
        Some(location) => client.download(location).map(|bytes| Some(Arc::new(bytes))),
        None => Ok(None),
    }
}

pub fn bring(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
    changed: &[String],
) -> Result<(), Error> {
    let name = wanted.text("FunctionName");
    let package = wanted.package.as_ref().map(|package| package.as_slice());
    let package = package.unwrap_or_default();
    let Some(from) = from else {
        let mut body = wanted.picked(&CONFIGURATION);
        body["FunctionName"] = json!(name);
        if let Some(architectures) = wanted.document.get("Architectures") {
            body["Architectures"] = architectures.clone();
        }
        body["Tags"] = json!(wanted.tags());
        client.create_function(&body, package)?;
        settle(client, name)?;
        return bring_concurrency(client, name, &Value::Null, wanted);
    };
    // The configuration first: new code may need a new variable, old code does not miss it.
    let members: Map<String, Value> = changed
        .iter()
        .filter(|member| CONFIGURATION.contains(&member.as_str()))
        .map(|member| (member.clone(), given(member, wanted)))
        .collect();
    if !members.is_empty() {
        client.update_function_configuration(name, &Value::Object(members))?;
        settle(client, name)?;
    }
    if changed
        .iter()
        .any(|member| member == "CodeSha256" || member == "Architectures")
    {
        client.update_function_code(name, package)?;
        settle(client, name)?;
    }
    let before = from.document.get("ReservedConcurrentExecutions");
    bring_concurrency(client, name, before.unwrap_or(&Value::Null), wanted)?;
    let arn = from
        .attributes
        .get("Arn")
        .map(String::as_str)
        .unwrap_or_default();
    let (set, removed) = tag_changes(&from.document, &wanted.tags());
    super::set_tags(client, arn, &set, &removed)
}

/// The value of a member, or what takes it away.
fn given(member: &str, wanted: &Wanted) -> Value {
    let value = wanted.document.get(member).filter(|value| !value.is_null());
    value.cloned().unwrap_or_else(|| match member {
        "Environment" => json!({ "Variables": {} }),
        "Layers" => json!([]),
        "DeadLetterConfig" => json!({ "TargetArn": "" }),
        "LoggingConfig" => json!({ "LogFormat": "Text" }),
        _ => json!(""),
    })
}

fn bring_concurrency(
    client: &Client,
    name: &str,
    before: &Value,
    wanted: &Wanted,
) -> Result<(), Error> {
    let empty = Value::Null;
    let after = wanted
        .document
        .get("ReservedConcurrentExecutions")
        .unwrap_or(&empty);
    let path = path("2017-10-31", name, "/concurrency");
    match after {
        after if after == before => Ok(()),
        Value::Null => client
            .rest("DeleteFunctionConcurrency", "DELETE", &path, None)
            .map(drop),
        after => {
            let body = json!({ "ReservedConcurrentExecutions": after });
            client
                .rest("PutFunctionConcurrency", "PUT", &path, Some(&body))
                .map(drop)
        }
    }
}

/// Waits until the function can be called and changed.
///
/// AWS: `State` is `Pending` and `LastUpdateStatus` is `InProgress` while a change is made.
fn settle(client: &Client, name: &str) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let found = client.get_function_configuration(name)?;
        let is_open = found["State"] == "Pending" || found["LastUpdateStatus"] == "InProgress";
        if !is_open || begun.elapsed() > SETTLED_TIMEOUT {
            return Ok(());
        }
        thread::sleep(ASK_AGAIN);
    }
}
