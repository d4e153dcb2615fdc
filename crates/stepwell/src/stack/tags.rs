//! Tags as most services have them: a list of keys and values, at an ARN.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{State, Wanted, tag_changes};
use crate::client::Error;

/// Calls an operation of the service whose tags they are.
pub type Call<'a> = dyn Fn(&str, &Value) -> Result<Value, Error> + 'a;

pub fn tags(call: &Call<'_>, arn: &str) -> Result<Map<String, Value>, Error> {
    let answer = call("ListTagsForResource", &json!({ "ResourceARN": arn }))?;
    let tags = answer["Tags"].as_array().into_iter().flatten();
    Ok(tags
        .filter_map(|tag| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone())))
        .collect())
}

pub fn tag_list(tags: &BTreeMap<String, String>) -> Value {
    tags.iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect()
}

/// Brings the tags of what `from` is to those that are wanted.
pub fn set_tags(call: &Call<'_>, from: &State, wanted: &Wanted) -> Result<(), Error> {
    let arn = from.attributes.get("Arn").cloned().unwrap_or_default();
    let (set, removed) = tag_changes(&from.document, &wanted.tags());
    if !set.is_empty() {
        let input = json!({ "ResourceARN": arn, "Tags": tag_list(&set) });
        call("TagResource", &input)?;
    }
    if !removed.is_empty() {
        let input = json!({ "ResourceARN": arn, "TagKeys": removed });
        call("UntagResource", &input)?;
    }
    Ok(())
}
