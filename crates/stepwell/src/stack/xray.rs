//! X-Ray: groups and sampling rules.

use serde_json::{Map, Value, json};

use super::tags::{set_tags, tag_list, tags};
use super::{State, Wanted, iam::object};
use crate::client::{Client, Error, PAGES_MAX};

/// Members of a sampling rule that UpdateSamplingRule changes; the others make another rule.
const CHANGED: [&str; 11] = [
    "ResourceARN",
    "Priority",
    "FixedRate",
    "ReservoirSize",
    "Host",
    "ServiceName",
    "ServiceType",
    "HTTPMethod",
    "URLPath",
    "Attributes",
    "SamplingRateBoost",
];

fn call(client: &Client, operation: &str, path: &str, input: &Value) -> Result<Value, Error> {
    client.rest(operation, "POST", path, Some(input))
}

/// Calls an operation of tags.
fn service(client: &Client) -> impl Fn(&str, &Value) -> Result<Value, Error> {
    |operation, input| call(client, operation, &format!("/{operation}"), input)
}

/// Every item of a paged listing.
fn listed(client: &Client, operation: &str, path: &str, list: &str) -> Result<Vec<Value>, Error> {
    let (mut items, mut input) = (Vec::new(), json!({}));
    for _ in 0..PAGES_MAX {
        let mut page = call(client, operation, path, &input)?;
        if let Value::Array(found) = page[list].take() {
            items.extend(found);
        }
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = json!(token),
            None => break,
        }
    }
    Ok(items)
}

pub fn read_group(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("GroupName");
    let groups = listed(client, "GetGroups", "/Groups", "Groups")?;
    let Some(group) = groups.into_iter().find(|group| group["GroupName"] == name) else {
        return Ok(None);
    };
    let arn = group["GroupARN"].as_str().unwrap_or_default().to_owned();
    let document = json!({
        "GroupName": name,
        "FilterExpression": group["FilterExpression"],
        "InsightsConfiguration": group["InsightsConfiguration"],
        "Tags": tags(&service(client), &arn)?,
    });
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), arn.clone()),
            ("Arn".to_owned(), arn.clone()),
            ("GroupARN".to_owned(), arn),
        ]
        .into(),
        identity: name.to_owned(),
        package: None,
    }))
}

pub fn bring_group(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let mut input = wanted.picked(&["GroupName", "FilterExpression", "InsightsConfiguration"]);
    match from {
        None => {
            input["Tags"] = tag_list(&wanted.tags());
            call(client, "CreateGroup", "/CreateGroup", &input).map(drop)
        }
        Some(from) => {
            // An expression that has gone is an empty one.
            input["FilterExpression"] = json!(wanted.text("FilterExpression"));
            call(client, "UpdateGroup", "/UpdateGroup", &input)?;
            set_tags(&service(client), from, wanted)
        }
    }
}

pub fn delete_group(client: &Client, name: &str) -> Result<(), Error> {
    let input = json!({ "GroupName": name });
    call(client, "DeleteGroup", "/DeleteGroup", &input).map(drop)
}

/// A sampling rule's document: its name may stand inside the rule or beside it.
pub fn rule_document(properties: &Value) -> Map<String, Value> {
    let mut rule = object(properties["SamplingRule"].clone());
    let name = rule
        .get("RuleName")
        .filter(|name| !name.is_null())
        .unwrap_or(&properties["RuleName"])
        .clone();
    rule.insert("RuleName".to_owned(), name);
    rule.insert("Tags".to_owned(), properties["Tags"].clone());
    for (member, value) in &mut rule {
        let is_number = ["Priority", "FixedRate", "ReservoirSize", "Version"];
        if is_number.contains(&member.as_str())
            && let Some(number) = value.as_str().and_then(|text| text.parse::<f64>().ok())
        {
            *value = match number.fract() == 0.0 {
                true => json!(number as i64),
                false => json!(number),
            };
        }
    }
    rule
}

pub fn read_rule(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("RuleName");
    let records = listed(
        client,
        "GetSamplingRules",
        "/GetSamplingRules",
        "SamplingRuleRecords",
    )?;
    let found = records
        .into_iter()
        .map(|record| record["SamplingRule"].clone())
        .find(|rule| rule["RuleName"] == name);
    let Some(rule) = found else {
        return Ok(None);
    };
    let arn = rule["RuleARN"].as_str().unwrap_or_default().to_owned();
    let mut document = object(rule);
    document.remove("RuleARN");
    let tags = tags(&service(client), &arn)?;
    document.insert("Tags".to_owned(), Value::Object(tags));
    Ok(Some(State {
        document,
        attributes: [
            ("Ref".to_owned(), arn.clone()),
            ("Arn".to_owned(), arn.clone()),
            ("RuleARN".to_owned(), arn),
        ]
        .into(),
        identity: name.to_owned(),
        package: None,
    }))
}

pub fn bring_rule(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    match from {
        None => {
            let mut rule = wanted.document.clone();
            rule.remove("Tags");
            let input = json!({ "SamplingRule": rule, "Tags": tag_list(&wanted.tags()) });
            call(client, "CreateSamplingRule", "/CreateSamplingRule", &input).map(drop)
        }
        Some(from) => {
            let mut update = wanted.picked(&CHANGED);
            update["RuleName"] = json!(wanted.text("RuleName"));
            let input = json!({ "SamplingRuleUpdate": update });
            call(client, "UpdateSamplingRule", "/UpdateSamplingRule", &input)?;
            set_tags(&service(client), from, wanted)
        }
    }
}

pub fn delete_rule(client: &Client, name: &str) -> Result<(), Error> {
    let input = json!({ "RuleName": name });
    call(client, "DeleteSamplingRule", "/DeleteSamplingRule", &input).map(drop)
}
