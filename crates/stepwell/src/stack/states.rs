//! Step Functions: state machines, their versions and aliases, activities.

use serde_json::{Map, Value, json};

use super::{STACK_NAME_TAG, State, Wanted, iam::object, kinds::found, tag_changes};
use crate::client::{Client, Error};

fn tags(client: &Client, arn: &str) -> Result<Map<String, Value>, Error> {
    let answer = client.states("ListTagsForResource", &json!({ "resourceArn": arn }))?;
    let tags = answer["tags"].as_array().into_iter().flatten();
    Ok(tags
        .filter_map(|tag| Some((tag["key"].as_str()?.to_owned(), tag["value"].clone())))
        .collect())
}

fn tag_list<'t>(tags: impl IntoIterator<Item = (&'t String, &'t String)>) -> Value {
    tags.into_iter()
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect()
}

fn set_tags(client: &Client, arn: &str, from: &State, wanted: &Wanted) -> Result<(), Error> {
    let (set, removed) = tag_changes(&from.document, &wanted.tags());
    if !set.is_empty() {
        let input = json!({ "resourceArn": arn, "tags": tag_list(&set) });
        client.states("TagResource", &input)?;
    }
    if !removed.is_empty() {
        client.states(
            "UntagResource",
            &json!({ "resourceArn": arn, "tagKeys": removed }),
        )?;
    }
    Ok(())
}

/// ARN and tags of every state machine or activity of a stack.
pub fn tagged(
    client: &Client,
    operation: &str,
    list: &str,
    member: &str,
    stack: &str,
) -> Result<Vec<(String, Value)>, Error> {
    let items = client.list(operation, &json!({ "maxResults": 1000 }), list, usize::MAX)?;
    let mut found = Vec::new();
    for item in items {
        let arn = item[member].as_str().unwrap_or_default();
        let tags = Value::Object(tags(client, arn)?);
        if tags[STACK_NAME_TAG] == stack {
            found.push((arn.to_owned(), tags));
        }
    }
    Ok(found)
}

pub fn read_machine(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let arn = wanted.text("stateMachineArn");
    let described = client.states("DescribeStateMachine", &json!({ "stateMachineArn": arn }));
    let Some(machine) = found(described)? else {
        return Ok(None);
    };
    let or = |member: &str, default: Value| match &machine[member] {
        Value::Null => default,
        found => found.clone(),
    };
    let document = json!({
        "stateMachineArn": arn,
        "name": machine["name"],
        "definition": machine["definition"],
        "roleArn": machine["roleArn"],
        "type": machine["type"],
        "loggingConfiguration": or("loggingConfiguration", logging_off()),
        "tracingConfiguration": or("tracingConfiguration", json!({ "enabled": false })),
        "Tags": tags(client, arn)?,
    });
    let name = machine["name"].as_str().unwrap_or_default();
    // AWS: a machine that was never updated has no revision.
    let revision = machine["revisionId"].as_str().unwrap_or("INITIAL");
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Arn".to_owned(), arn.to_owned()),
            ("Name".to_owned(), name.to_owned()),
            ("RevisionId".to_owned(), revision.to_owned()),
            ("StateMachineRevisionId".to_owned(), revision.to_owned()),
        ]
        .into(),
        identity: arn.to_owned(),
        package: None,
    }))
}

fn logging_off() -> Value {
    json!({ "level": "OFF", "includeExecutionData": false })
}

/// A state machine's document, with the defaults of the service.
pub fn machine_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    document
        .entry("loggingConfiguration".to_owned())
        .or_insert_with(logging_off);
    document
        .entry("tracingConfiguration".to_owned())
        .or_insert_with(|| json!({ "enabled": false }));
    document
}

pub fn bring_machine(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
    changed: &[String],
) -> Result<(), Error> {
    let Some(from) = from else {
        let mut body = wanted.picked(&[
            "name",
            "definition",
            "roleArn",
            "type",
            "loggingConfiguration",
            "tracingConfiguration",
        ]);
        body["tags"] = tag_list(&wanted.tags());
        return client.states("CreateStateMachine", &body).map(drop);
    };
    let arn = wanted.text("stateMachineArn");
    let members = [
        "definition",
        "roleArn",
        "loggingConfiguration",
        "tracingConfiguration",
    ];
    let members: Vec<&str> = members
        .into_iter()
        .filter(|member| changed.iter().any(|changed| changed == member))
        .collect();
    if !members.is_empty() {
        let mut body = wanted.picked(&members);
        body["stateMachineArn"] = json!(arn);
        client.states("UpdateStateMachine", &body)?;
    }
    set_tags(client, arn, from, wanted)
}

pub fn delete(client: &Client, what: &str, member: &str, arn: &str) -> Result<(), Error> {
    client
        .states(&format!("Delete{what}"), &json!({ member: arn }))
        .map(drop)
}

pub fn read_activity(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let arn = wanted.text("Arn");
    let described = client.states("DescribeActivity", &json!({ "activityArn": arn }));
    let Some(activity) = found(described)? else {
        return Ok(None);
    };
    let document = json!({ "Arn": arn, "Name": activity["name"], "Tags": tags(client, arn)? });
    Ok(Some(State {
        document: object(document),
        attributes: [("Arn".to_owned(), arn.to_owned())].into(),
        identity: arn.to_owned(),
        package: None,
    }))
}

pub fn bring_activity(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    match from {
        None => {
            let input = json!({ "name": wanted.text("Name"), "tags": tag_list(&wanted.tags()) });
            client.states("CreateActivity", &input).map(drop)
        }
        Some(from) => set_tags(client, wanted.text("Arn"), from, wanted),
    }
}

// Versions

pub fn read_version(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let machine = wanted.text("StateMachineArn");
    let listed = client.states(
        "ListStateMachineVersions",
        &json!({ "stateMachineArn": machine, "maxResults": 1 }),
    );
    let Some(listed) = found(listed)? else {
        return Ok(None);
    };
    let newest = listed["stateMachineVersions"][0]["stateMachineVersionArn"].as_str();
    let Some(arn) = newest else { return Ok(None) };
    let version = client.states("DescribeStateMachine", &json!({ "stateMachineArn": arn }))?;
    let revision = version["revisionId"].as_str().unwrap_or("INITIAL");
    let mut document = json!({ "StateMachineArn": machine });
    if wanted.document.get("RevisionId").is_some() {
        document["RevisionId"] = json!(revision);
    }
    if wanted.document.get("Description").is_some() {
        document["Description"] = version["description"].clone();
    }
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), arn.to_owned()),
            ("Arn".to_owned(), arn.to_owned()),
        ]
        .into(),
        identity: arn.to_owned(),
        package: None,
    }))
}

pub fn bring_version(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let mut input = json!({ "stateMachineArn": wanted.text("StateMachineArn") });
    if !wanted.text("Description").is_empty() {
        input["description"] = json!(wanted.text("Description"));
    }
    client
        .states("PublishStateMachineVersion", &input)
        .map(drop)
}

// Aliases

/// An alias's document: its routes in the words of the API, from either way to write them.
pub fn alias_document(properties: &Value) -> Map<String, Value> {
    let preference = &properties["DeploymentPreference"];
    let routes = match &properties["RoutingConfiguration"] {
        Value::Array(routes) => routes
            .iter()
            .map(|route| {
                json!({
                    "stateMachineVersionArn": route["StateMachineVersionArn"],
                    "weight": route["Weight"].as_u64().unwrap_or(100),
                })
            })
            .collect(),
        _ => {
            json!([{ "stateMachineVersionArn": preference["StateMachineVersionArn"], "weight": 100 }])
        }
    };
    let first = routes[0]["stateMachineVersionArn"]
        .as_str()
        .unwrap_or_default();
    // A version's ARN is its machine's with a number at the end; a token of one knows no machine yet.
    let machine = first.rsplit_once(':').map_or("", |(machine, _)| machine);
    let name = properties["Name"].as_str().unwrap_or_default();
    let arn = match stepwell_template::is_open(first) {
        true => first.to_owned(),
        false => format!("{machine}:{name}"),
    };
    object(json!({
        "Arn": arn,
        "Name": name,
        "Description": properties["Description"],
        "RoutingConfiguration": routes,
    }))
}

pub fn read_alias(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let arn = wanted.text("Arn");
    let described = client.states(
        "DescribeStateMachineAlias",
        &json!({ "stateMachineAliasArn": arn }),
    );
    let Some(alias) = found(described)? else {
        return Ok(None);
    };
    let document = json!({
        "Arn": arn,
        "Name": alias["name"],
        "Description": alias["description"],
        "RoutingConfiguration": alias["routingConfiguration"],
    });
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), arn.to_owned()),
            ("Arn".to_owned(), arn.to_owned()),
        ]
        .into(),
        identity: arn.to_owned(),
        package: None,
    }))
}

pub fn bring_alias(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let mut input = json!({ "routingConfiguration": wanted.document["RoutingConfiguration"] });
    if !wanted.text("Description").is_empty() {
        input["description"] = json!(wanted.text("Description"));
    }
    match from {
        None => {
            input["name"] = json!(wanted.text("Name"));
            client.states("CreateStateMachineAlias", &input).map(drop)
        }
        Some(_) => {
            input["stateMachineAliasArn"] = json!(wanted.text("Arn"));
            client.states("UpdateStateMachineAlias", &input).map(drop)
        }
    }
}
