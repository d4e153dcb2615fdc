//! EventBridge: buses and rules with their targets. EventBridge Scheduler: groups and schedules.

use serde_json::{Map, Value, json};

use super::{
    STACK_NAME_TAG, State, Wanted,
    iam::object,
    kinds::found,
    lambda::if_built,
    tag_changes,
    tags::{set_tags, tag_list, tags},
};
use crate::client::{Client, Error, PAGES_MAX, escaped};

/// AWS: targets that `PutTargets` takes in one call, and that a rule has.
const TARGETS_MAX: usize = 10;

fn service(client: &Client) -> impl Fn(&str, &Value) -> Result<Value, Error> {
    |operation, input| client.events(operation, input)
}

pub fn read_bus(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("Name");
    let Some(bus) = found(client.events("DescribeEventBus", &json!({ "Name": name })))? else {
        return Ok(None);
    };
    let arn = bus["Arn"].as_str().unwrap_or_default();
    let document = json!({ "Name": name, "Description": bus["Description"], "Tags": tags(&service(client), arn)? });
    Ok(Some(State {
        document: object(document),
        attributes: [("Arn".to_owned(), arn.to_owned())].into(),
        identity: name.to_owned(),
        package: None,
    }))
}

pub fn bring_bus(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    match from {
        None => {
            let mut input = wanted.picked(&["Name", "Description"]);
            input["Tags"] = tag_list(&wanted.tags());
            client.events("CreateEventBus", &input).map(drop)
        }
        Some(from) => {
            if from.document.get("Description") != wanted.document.get("Description") {
                client.events("UpdateEventBus", &wanted.picked(&["Name", "Description"]))?;
            }
            set_tags(&service(client), from, wanted)
        }
    }
}

pub fn delete_bus(client: &Client, name: &str) -> Result<(), Error> {
    client
        .events("DeleteEventBus", &json!({ "Name": name }))
        .map(drop)
}

/// A rule's document: targets by their ids.
pub fn rule_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    let bus = document.remove("EventBusName").unwrap_or_default();
    // AWS: a bus may be given by its ARN.
    let bus = bus
        .as_str()
        .and_then(|bus| bus.rsplit('/').next())
        .unwrap_or("default")
        .to_owned();
    document.insert("EventBusName".to_owned(), json!(bus));
    document
        .entry("State".to_owned())
        .or_insert_with(|| json!("ENABLED"));
    let targets = document.remove("Targets").unwrap_or_default();
    let targets = targets.as_array().into_iter().flatten();
    let targets: Map<String, Value> = targets
        .filter_map(|target| Some((target["Id"].as_str()?.to_owned(), target.clone())))
        .collect();
    document.insert("Targets".to_owned(), targets.into());
    document
}

pub fn read_rule(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (name, bus) = (wanted.text("Name"), wanted.text("EventBusName"));
    let of_rule = json!({ "Name": name, "EventBusName": bus });
    let Some(rule) = found(client.events("DescribeRule", &of_rule))? else {
        return Ok(None);
    };
    let of_targets = json!({ "Rule": name, "EventBusName": bus });
    let listed = client.events("ListTargetsByRule", &of_targets)?;
    let targets = listed["Targets"].as_array().into_iter().flatten();
    let targets: Map<String, Value> = targets
        .filter_map(|target| Some((target["Id"].as_str()?.to_owned(), target.clone())))
        .collect();
    let arn = rule["Arn"].as_str().unwrap_or_default().to_owned();
    let pattern = rule["EventPattern"]
        .as_str()
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    let document = json!({
        "Name": name,
        "EventBusName": bus,
        "Description": rule["Description"],
        "EventPattern": pattern,
        "ScheduleExpression": rule["ScheduleExpression"],
        "State": rule["State"],
        "RoleArn": rule["RoleArn"],
        "Targets": targets,
        "Tags": tags(&service(client), &arn)?,
    });
    Ok(Some(State {
        document: object(document),
        attributes: [("Arn".to_owned(), arn)].into(),
        identity: format!("{bus} {name}"),
        package: None,
    }))
}

pub fn bring_rule(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let (name, bus) = (wanted.text("Name"), wanted.text("EventBusName"));
    let mut input = wanted.picked(&[
        "Name",
        "EventBusName",
        "Description",
        "ScheduleExpression",
        "State",
        "RoleArn",
    ]);
    if let Some(pattern) = wanted
        .document
        .get("EventPattern")
        .filter(|pattern| !pattern.is_null())
    {
        let text = pattern
            .as_str()
            .map_or_else(|| pattern.to_string(), str::to_owned);
        input["EventPattern"] = json!(text);
    }
    // AWS: PutRule takes tags for a new rule only.
    if from.is_none() {
        input["Tags"] = tag_list(&wanted.tags());
    }
    client.events("PutRule", &input)?;
    if let Some(from) = from {
        set_tags(&service(client), from, wanted)?;
    }
    let of = |document: &Map<String, Value>| {
        object(document.get("Targets").cloned().unwrap_or_default())
    };
    let targets = of(&wanted.document);
    let gone: Vec<String> = from
        .map(|from| of(&from.document))
        .unwrap_or_default()
        .keys()
        .filter(|id| !targets.contains_key(*id))
        .cloned()
        .collect();
    if !gone.is_empty() {
        client.events(
            "RemoveTargets",
            &json!({ "Rule": name, "EventBusName": bus, "Ids": gone }),
        )?;
    }
    let targets: Vec<&Value> = targets.values().collect();
    for some in targets.chunks(TARGETS_MAX) {
        let input = json!({ "Rule": name, "EventBusName": bus, "Targets": some });
        let answer = client.events("PutTargets", &input)?;
        // AWS: a target that is refused is told inside an answer that is no error.
        if let Some(entry) = answer["FailedEntries"].get(0) {
            return Err(Error::Service {
                operation: "PutTargets".to_owned(),
                code: entry["ErrorCode"].as_str().unwrap_or_default().to_owned(),
                message: entry["ErrorMessage"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            });
        }
    }
    Ok(())
}

/// AWS: a rule goes only after its targets.
pub fn delete_rule(client: &Client, identity: &str) -> Result<(), Error> {
    let (bus, name) = identity.split_once(' ').unwrap_or(("default", identity));
    let listed = client.events(
        "ListTargetsByRule",
        &json!({ "Rule": name, "EventBusName": bus }),
    )?;
    let targets = listed["Targets"].as_array().into_iter().flatten();
    let ids: Vec<&Value> = targets.map(|target| &target["Id"]).collect();
    if !ids.is_empty() {
        client.events(
            "RemoveTargets",
            &json!({ "Rule": name, "EventBusName": bus, "Ids": ids }),
        )?;
    }
    client
        .events("DeleteRule", &json!({ "Name": name, "EventBusName": bus }))
        .map(drop)
}

fn pages(
    client: &Client,
    operation: &str,
    mut input: Value,
    list: &str,
) -> Result<Vec<Value>, Error> {
    let mut items = Vec::new();
    for _ in 0..PAGES_MAX {
        let mut page = client.events(operation, &input)?;
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

/// Identity, tags and whether it is a bus, of every bus and rule of a stack.
pub fn tagged(client: &Client, stack: &str) -> Result<Vec<(String, Value, bool)>, Error> {
    let mut belonging = Vec::new();
    let Some(buses) = if_built(pages(client, "ListEventBuses", json!({}), "EventBuses"))? else {
        return Ok(belonging);
    };
    for bus in buses {
        let name = bus["Name"].as_str().unwrap_or_default();
        if name != "default" {
            let tags = Value::Object(tags(
                &service(client),
                bus["Arn"].as_str().unwrap_or_default(),
            )?);
            if tags[STACK_NAME_TAG] == stack {
                belonging.push((name.to_owned(), tags, true));
            }
        }
        for rule in pages(
            client,
            "ListRules",
            json!({ "EventBusName": name }),
            "Rules",
        )? {
            let tags = Value::Object(tags(
                &service(client),
                rule["Arn"].as_str().unwrap_or_default(),
            )?);
            if tags[STACK_NAME_TAG] == stack {
                let rule = rule["Name"].as_str().unwrap_or_default();
                belonging.push((format!("{name} {rule}"), tags, false));
            }
        }
    }
    Ok(belonging)
}

// EventBridge Scheduler

fn group_path(name: &str) -> String {
    format!("/schedule-groups/{}", escaped(name))
}

fn scheduler_tags(client: &Client, arn: &str) -> Result<Map<String, Value>, Error> {
    let path = format!("/tags/{}", escaped(arn));
    let answer = client.rest("ListTagsForResource", "GET", &path, None)?;
    let tags = answer["Tags"].as_array().into_iter().flatten();
    Ok(tags
        .filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone())))
        .collect())
}

pub fn read_group(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("Name");
    let Some(group) = found(client.rest("GetScheduleGroup", "GET", &group_path(name), None))?
    else {
        return Ok(None);
    };
    let arn = group["Arn"].as_str().unwrap_or_default();
    let document = json!({ "Name": name, "Tags": scheduler_tags(client, arn)? });
    Ok(Some(State {
        document: object(document),
        attributes: [("Arn".to_owned(), arn.to_owned())].into(),
        identity: name.to_owned(),
        package: None,
    }))
}

pub fn bring_group(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let Some(from) = from else {
        let body = json!({ "Tags": tag_list(&wanted.tags()) });
        return client
            .rest(
                "CreateScheduleGroup",
                "POST",
                &group_path(wanted.text("Name")),
                Some(&body),
            )
            .map(drop);
    };
    let arn = from
        .attributes
        .get("Arn")
        .map(String::as_str)
        .unwrap_or_default();
    let path = format!("/tags/{}", escaped(arn));
    let (set, removed) = tag_changes(&from.document, &wanted.tags());
    if !set.is_empty() {
        client.rest(
            "TagResource",
            "POST",
            &path,
            Some(&json!({ "Tags": tag_list(&set) })),
        )?;
    }
    if !removed.is_empty() {
        let keys: Vec<String> = removed
            .iter()
            .map(|key| format!("TagKeys={}", escaped(key)))
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

pub fn delete_group(client: &Client, name: &str) -> Result<(), Error> {
    client
        .rest("DeleteScheduleGroup", "DELETE", &group_path(name), None)
        .map(drop)
}

/// Name and tags of every group of schedules of a stack.
pub fn tagged_groups(client: &Client, stack: &str) -> Result<Vec<(String, Value)>, Error> {
    let mut belonging = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES_MAX {
        let path = format!("/schedule-groups?MaxResults=100{token}");
        let Some(page) = if_built(client.rest("ListScheduleGroups", "GET", &path, None))? else {
            return Ok(belonging);
        };
        for group in page["ScheduleGroups"].as_array().into_iter().flatten() {
            let name = group["Name"].as_str().unwrap_or_default();
            if name == "default" {
                continue;
            }
            let tags = Value::Object(scheduler_tags(
                client,
                group["Arn"].as_str().unwrap_or_default(),
            )?);
            if tags[STACK_NAME_TAG] == stack {
                belonging.push((name.to_owned(), tags));
            }
        }
        match page["NextToken"].as_str() {
            Some(next) => token = format!("&NextToken={}", escaped(next)),
            None => break,
        }
    }
    Ok(belonging)
}

/// A schedule's document, with the defaults of the service.
pub fn schedule_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    for (member, default) in [
        ("GroupName", "default"),
        ("State", "ENABLED"),
        ("ScheduleExpressionTimezone", "UTC"),
    ] {
        document
            .entry(member.to_owned())
            .or_insert_with(|| json!(default));
    }
    document
}

fn schedule_path(name: &str, group: &str) -> String {
    format!("/schedules/{}?groupName={}", escaped(name), escaped(group))
}

pub fn read_schedule(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let (name, group) = (wanted.text("Name"), wanted.text("GroupName"));
    let Some(schedule) =
        found(client.rest("GetSchedule", "GET", &schedule_path(name, group), None))?
    else {
        return Ok(None);
    };
    let mut document = Map::new();
    for member in [
        "Name",
        "GroupName",
        "Description",
        "FlexibleTimeWindow",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "State",
        "Target",
    ] {
        document.insert(member.to_owned(), schedule[member].clone());
    }
    // The API gives seconds since 1970 where a template writes a date.
    for member in ["StartDate", "EndDate"] {
        let given = wanted.document.get(member);
        let existing = &schedule[member];
        let is_same = given.and_then(Value::as_str).and_then(instant_seconds)
            == existing.as_f64().map(|seconds| seconds as i64);
        document.insert(
            member.to_owned(),
            match given {
                Some(given) if is_same => given.clone(),
                _ => existing.clone(),
            },
        );
    }
    let arn = schedule["Arn"].as_str().unwrap_or_default().to_owned();
    Ok(Some(State {
        document,
        attributes: [("Arn".to_owned(), arn)].into(),
        identity: format!("{group} {name}"),
        package: None,
    }))
}

pub fn bring_schedule(client: &Client, from: Option<&State>, wanted: &Wanted) -> Result<(), Error> {
    let mut body = wanted.picked(&[
        "GroupName",
        "Description",
        "FlexibleTimeWindow",
        "ScheduleExpression",
        "ScheduleExpressionTimezone",
        "State",
        "Target",
    ]);
    for member in ["StartDate", "EndDate"] {
        let seconds = match wanted.document.get(member) {
            Some(Value::String(text)) => instant_seconds(text).map(|seconds| json!(seconds)),
            Some(number @ Value::Number(_)) => Some(number.clone()),
            _ => None,
        };
        if let Some(seconds) = seconds {
            body[member] = seconds;
        }
    }
    let path = format!("/schedules/{}", escaped(wanted.text("Name")));
    match from {
        None => client.rest("CreateSchedule", "POST", &path, Some(&body)),
        Some(_) => client.rest("UpdateSchedule", "PUT", &path, Some(&body)),
    }
    .map(drop)
}

pub fn delete_schedule(client: &Client, identity: &str) -> Result<(), Error> {
    let (group, name) = identity.split_once(' ').unwrap_or(("default", identity));
    client
        .rest(
            "DeleteSchedule",
            "DELETE",
            &schedule_path(name, group),
            None,
        )
        .map(drop)
}

/// Seconds since 1970 of `2030-01-31T08:00:00Z`, with or without the `Z`; a schedule's dates are in UTC.
fn instant_seconds(text: &str) -> Option<i64> {
    let (date, time) = text.trim_end_matches('Z').split_once('T')?;
    let numbers = |text: &str, separator: char| -> Option<Vec<i64>> {
        let parts = text.split(separator).map(|part| part.parse().ok());
        parts.collect()
    };
    let time = time.split(['.', '+']).next()?;
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let ([year, month, day], [hour, minute, rest @ ..]) = (date.as_slice(), time.as_slice()) else {
        return None;
    };
    // Days from the civil date: the year begins in March, so that the leap day is the last.
    let year = if *month <= 2 { year - 1 } else { *year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    Some(days * 86_400 + hour * 3_600 + minute * 60 + rest.first().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_seconds_since_1970() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T12:30:05", Some(951_827_405)),
            ("2030-01-01T00:00Z", Some(1_893_456_000)),
            ("tomorrow", None),
            ("2030-01-01", None),
        ] {
            assert_eq!(instant_seconds(text), seconds, "{text}");
        }
    }

    #[test]
    fn targets_are_told_apart_by_their_ids_whatever_their_order() {
        let rule = rule_document(&json!({
            "Name": "r",
            "EventBusName": "arn:aws:events:us-east-1:123456789012:event-bus/orders",
            "Targets": [{"Id": "b", "Arn": "y"}, {"Id": "a", "Arn": "x"}],
        }));
        assert_eq!(rule["EventBusName"], "orders");
        assert_eq!(rule["State"], "ENABLED");
        assert_eq!(rule["Targets"]["a"]["Arn"], "x");
    }
}
