//! EventBridge: connections, and the API destinations that use them.

use serde::{Deserialize, Serialize};
use stepwell_api::events;

use super::{Kind, Part, key};

/// How requests of a connection are authorised.
///
/// The secrets stand in the row as they were given, as the environment of a function does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ConnectionRow {
    pub(crate) name: String,
    /// The last part of its ARN: a connection that is made anew is another one.
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) state: String,
    pub(crate) state_reason: Option<String>,
    pub(crate) authorization_type: String,
    /// What it was made with; nothing after a deauthorization.
    pub(crate) auth: events::CreateConnectionAuthRequestParameters,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) authorized_ms: Option<i64>,
}

/// An HTTP endpoint that rules call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ApiDestinationRow {
    pub(crate) name: String,
    /// The last part of its ARN.
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) connection_arn: String,
    pub(crate) endpoint: String,
    pub(crate) method: String,
    /// Calls a second.
    pub(crate) rate: Option<i32>,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
}

pub(crate) fn connection_key(name: &str) -> Vec<u8> {
    key(Kind::Connection, &[Part::Text(name)])
}

pub(crate) fn api_destination_key(name: &str) -> Vec<u8> {
    key(Kind::ApiDestination, &[Part::Text(name)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{decode_json, encode_json};

    /// Rows of this release, byte for byte: a later one must read them.
    #[test]
    fn rows_that_were_written_are_read() {
        let connection = r#"{"name":"c","id":"i","description":null,"kms_key":null,"state":"AUTHORIZED","state_reason":null,"authorization_type":"API_KEY","auth":{"ApiKeyAuthParameters":{"ApiKeyName":"x-key","ApiKeyValue":"v"}},"created_ms":1,"modified_ms":2,"authorized_ms":2}"#;
        let destination = r#"{"name":"d","id":"i","description":null,"connection_arn":"arn","endpoint":"http://h/*","method":"POST","rate":5,"created_ms":1,"modified_ms":2}"#;
        let row = |text: &str| [&[1], text.as_bytes()].concat();
        let read: ConnectionRow = decode_json(&[], &row(connection)).expect("a row");
        assert_eq!(encode_json(&read), row(connection));
        let read: ApiDestinationRow = decode_json(&[], &row(destination)).expect("a row");
        assert_eq!(encode_json(&read), row(destination));
        assert_eq!(connection_key("c"), [55, b'c']);
        assert_eq!(api_destination_key("d"), [56, b'd']);
    }
}
