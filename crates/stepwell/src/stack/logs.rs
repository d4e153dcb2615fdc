//! Log groups.

use serde_json::{Map, Value, json};

use super::{State, Wanted, iam::object, tag_changes};
use crate::client::{Client, Error};

pub fn read(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("LogGroupName");
    let Some(group) = group(client, name)? else {
        return Ok(None);
    };
    let arn = group["arn"].as_str().unwrap_or_default();
    let tags = tags(client, arn)?;
    let document = json!({
        "LogGroupName": name,
        "RetentionInDays": group["retentionInDays"],
        "Tags": tags,
    });
    Ok(Some(State {
        document: object(document),
        attributes: [("Arn".to_owned(), arn.to_owned())].into(),
        identity: name.to_owned(),
        package: None,
    }))
}

/// The group of exactly this name.
fn group(client: &Client, name: &str) -> Result<Option<Value>, Error> {
    let groups = groups(client, name)?;
    Ok(groups
        .into_iter()
        .find(|group| group["logGroupName"] == name))
}

/// The groups whose names begin like this.
pub fn groups(client: &Client, prefix: &str) -> Result<Vec<Value>, Error> {
    let mut input = match prefix {
        "" => json!({}),
        prefix => json!({ "logGroupNamePrefix": prefix }),
    };
    let mut groups = Vec::new();
    for _ in 0..crate::client::PAGES_MAX {
        let mut page = client.logs("DescribeLogGroups", &input)?;
        if let Value::Array(found) = page["logGroups"].take() {
            groups.extend(found);
        }
        match page["nextToken"].as_str() {
            Some(token) => input["nextToken"] = json!(token),
            None => break,
        }
    }
    Ok(groups)
}

/// Tags by the ARN that a listing gives, which ends with `:*`.
pub fn tags(client: &Client, arn: &str) -> Result<Map<String, Value>, Error> {
    let arn = arn.trim_end_matches(":*");
    let mut answer = client.logs("ListTagsForResource", &json!({ "resourceArn": arn }))?;
    Ok(object(answer["tags"].take()))
}

pub fn bring(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let name = wanted.text("LogGroupName");
    match from {
        None => {
            let input = json!({ "logGroupName": name, "tags": wanted.tags() });
            client.logs("CreateLogGroup", &input)?;
        }
        Some(state) => {
            let arn = state
                .attributes
                .get("Arn")
                .map(String::as_str)
                .unwrap_or_default();
            set_tags(client, arn, &state.document, wanted)?;
        }
    }
    let days = |document: &Map<String, Value>| match document.get("RetentionInDays") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(number) => number.as_u64(),
        None => None,
    };
    let before = from.and_then(|state| days(&state.document));
    match days(&wanted.document) {
        Some(after) if before != Some(after) => {
            let input = json!({ "logGroupName": name, "retentionInDays": after });
            client.logs("PutRetentionPolicy", &input)?;
        }
        None if before.is_some() => {
            client.logs("DeleteRetentionPolicy", &json!({ "logGroupName": name }))?;
        }
        _ => {}
    }
    Ok(())
}

fn set_tags(
    client: &Client,
    arn: &str,
    before: &Map<String, Value>,
    wanted: &Wanted,
) -> Result<(), Error> {
    let arn = arn.trim_end_matches(":*");
    let (set, removed) = tag_changes(before, &wanted.tags());
    if !set.is_empty() {
        client.logs("TagResource", &json!({ "resourceArn": arn, "tags": set }))?;
    }
    if !removed.is_empty() {
        client.logs(
            "UntagResource",
            &json!({ "resourceArn": arn, "tagKeys": removed }),
        )?;
    }
    Ok(())
}

pub fn delete(client: &Client, name: &str) -> Result<(), Error> {
    client
        .logs("DeleteLogGroup", &json!({ "logGroupName": name }))
        .map(drop)
}
