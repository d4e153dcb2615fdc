//! Log groups.

use serde_json::{Map, Value, json};

use super::{State, Wanted, iam::object, kinds::found, tag_changes};
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

// Metric filters, subscription filters and query definitions.

/// The item of a listing that has exactly this name.
fn named(
    client: &Client,
    operation: &str,
    mut input: Value,
    (list, member, name): (&str, &str, &str),
) -> Result<Option<Value>, Error> {
    for _ in 0..crate::client::PAGES_MAX {
        let Some(mut page) = found(client.logs(operation, &input))? else {
            return Ok(None);
        };
        let items = page[list].as_array_mut().into_iter().flatten();
        if let Some(item) = items.into_iter().find(|item| item[member] == name) {
            return Ok(Some(item.take()));
        }
        match page["nextToken"].as_str() {
            Some(token) => input["nextToken"] = json!(token),
            None => break,
        }
    }
    Ok(None)
}

/// Group and name of a filter: no log group's name has a blank.
pub fn filter_identity(wanted: &Wanted) -> String {
    format!(
        "{} {}",
        wanted.text("LogGroupName"),
        wanted.text("FilterName")
    )
}

fn of_filter(identity: &str) -> Value {
    let (group, name) = identity.split_once(' ').unwrap_or((identity, ""));
    json!({ "logGroupName": group, "filterName": name })
}

/// A metric filter's document: transformations in the words of the API.
pub fn metric_filter_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    let transformations = document.remove("MetricTransformations").unwrap_or_default();
    let transformations: Vec<Value> = transformations
        .as_array()
        .into_iter()
        .flatten()
        .map(|written| {
            let dimensions = written["Dimensions"].as_array().into_iter().flatten();
            let dimensions: Map<String, Value> = dimensions
                .filter_map(|one| Some((one["Key"].as_str()?.to_owned(), one["Value"].clone())))
                .collect();
            let default = match &written["DefaultValue"] {
                Value::String(text) => text.parse::<f64>().map_or(Value::Null, |n| json!(n)),
                other => other.clone(),
            };
            let value = match &written["MetricValue"] {
                Value::Number(number) => json!(number.to_string()),
                other => other.clone(),
            };
            let members = [
                ("metricName", written["MetricName"].clone()),
                ("metricNamespace", written["MetricNamespace"].clone()),
                ("metricValue", value),
                ("defaultValue", default),
                ("unit", written["Unit"].clone()),
                ("dimensions", Value::Object(dimensions)),
            ];
            let said = members
                .into_iter()
                .filter(|(_, value)| !value.is_null() && *value != json!({}));
            said.map(|(name, value)| (name.to_owned(), value))
                .collect::<Map<_, _>>()
                .into()
        })
        .collect();
    document.insert("MetricTransformations".to_owned(), transformations.into());
    document
}

pub fn read_metric_filter(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (group, name) = (wanted.text("LogGroupName"), wanted.text("FilterName"));
    let input = json!({ "logGroupName": group, "filterNamePrefix": name });
    let place = ("metricFilters", "filterName", name);
    let Some(filter) = named(client, "DescribeMetricFilters", input, place)? else {
        return Ok(None);
    };
    let document = json!({
        "LogGroupName": group,
        "FilterName": name,
        "FilterPattern": filter["filterPattern"],
        "MetricTransformations": filter["metricTransformations"],
    });
    Ok(Some(filter_state(wanted, document)))
}

fn filter_state(wanted: &Wanted, document: Value) -> State {
    let name = wanted.text("FilterName").to_owned();
    State {
        document: object(document),
        attributes: [("Ref".to_owned(), name)].into(),
        identity: filter_identity(wanted),
        package: None,
    }
}

pub fn bring_metric_filter(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let input = json!({
        "logGroupName": wanted.text("LogGroupName"),
        "filterName": wanted.text("FilterName"),
        "filterPattern": wanted.text("FilterPattern"),
        "metricTransformations": wanted.document.get("MetricTransformations"),
    });
    client.logs("PutMetricFilter", &input).map(drop)
}

pub fn delete_metric_filter(client: &Client, identity: &str) -> Result<(), Error> {
    client
        .logs("DeleteMetricFilter", &of_filter(identity))
        .map(drop)
}

pub fn read_subscription_filter(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (group, name) = (wanted.text("LogGroupName"), wanted.text("FilterName"));
    let input = json!({ "logGroupName": group, "filterNamePrefix": name });
    let place = ("subscriptionFilters", "filterName", name);
    let Some(filter) = named(client, "DescribeSubscriptionFilters", input, place)? else {
        return Ok(None);
    };
    let mut document = json!({
        "LogGroupName": group,
        "FilterName": name,
        "FilterPattern": filter["filterPattern"],
        "DestinationArn": filter["destinationArn"],
        "RoleArn": filter["roleArn"],
    });
    // The service says how it distributes what the template leaves to it.
    if wanted.document.contains_key("Distribution") {
        document["Distribution"] = filter["distribution"].clone();
    }
    Ok(Some(filter_state(wanted, document)))
}

pub fn bring_subscription_filter(client: &Client, wanted: &Wanted) -> Result<(), Error> {
    let mut input = json!({
        "logGroupName": wanted.text("LogGroupName"),
        "filterName": wanted.text("FilterName"),
        "filterPattern": wanted.text("FilterPattern"),
        "destinationArn": wanted.text("DestinationArn"),
    });
    for (from, to) in [("RoleArn", "roleArn"), ("Distribution", "distribution")] {
        if let Some(value) = wanted.document.get(from).filter(|value| !value.is_null()) {
            input[to] = value.clone();
        }
    }
    client.logs("PutSubscriptionFilter", &input).map(drop)
}

pub fn delete_subscription_filter(client: &Client, identity: &str) -> Result<(), Error> {
    client
        .logs("DeleteSubscriptionFilter", &of_filter(identity))
        .map(drop)
}

/// The definition of exactly this name: its id is the server's.
fn query_definition(client: &Client, name: &str) -> Result<Option<Value>, Error> {
    let input = json!({ "queryDefinitionNamePrefix": name });
    let place = ("queryDefinitions", "name", name);
    named(client, "DescribeQueryDefinitions", input, place)
}

pub fn read_query_definition(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("Name");
    let Some(definition) = query_definition(client, name)? else {
        return Ok(None);
    };
    let id = definition["queryDefinitionId"].as_str().unwrap_or_default();
    let document = json!({
        "Name": name,
        "QueryString": definition["queryString"],
        "LogGroupNames": definition["logGroupNames"],
    });
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), id.to_owned()),
            ("QueryDefinitionId".to_owned(), id.to_owned()),
        ]
        .into(),
        identity: name.to_owned(),
        package: None,
    }))
}

pub fn bring_query_definition(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
) -> Result<(), Error> {
    let mut input = json!({
        "name": wanted.text("Name"),
        "queryString": wanted.text("QueryString"),
    });
    if let Some(groups) = wanted.document.get("LogGroupNames") {
        input["logGroupNames"] = groups.clone();
    }
    if let Some(id) = from.and_then(|from| from.attributes.get("QueryDefinitionId")) {
        input["queryDefinitionId"] = json!(id);
    }
    client.logs("PutQueryDefinition", &input).map(drop)
}

pub fn delete_query_definition(client: &Client, name: &str) -> Result<(), Error> {
    let Some(definition) = query_definition(client, name)? else {
        return Ok(());
    };
    let input = json!({ "queryDefinitionId": definition["queryDefinitionId"] });
    client.logs("DeleteQueryDefinition", &input).map(drop)
}
