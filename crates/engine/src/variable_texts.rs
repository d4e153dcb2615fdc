//! Variables are written to rows as JSON texts: the row format cannot hold free JSON values.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use stepwell_asl::Variables;

pub fn serialize<S: Serializer>(variables: &Variables, serializer: S) -> Result<S::Ok, S::Error> {
    let texts: BTreeMap<&str, String> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_string()))
        .collect();
    texts.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Variables, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let parse = |(name, text): (String, String)| match serde_json::from_str(&text) {
        Ok(value) => Ok((name, value)),
        Err(error) => Err(de::Error::custom(format!(
            "variable {name} is not JSON: {error}"
        ))),
    };
    texts.into_iter().map(parse).collect()
}
