//! Messages on the wire: SQS and EventBridge speak JSON, SNS the query protocol.

use serde_json::{Map, Value, json};

use crate::client::{Endpoint, Post, Reply};
use crate::{Failure, Outgoing};

/// SQS SendMessage; `None` for an ARN that names no queue.
///
/// AWS: a queue's URL is endpoint, account and name.
pub(crate) fn to_queue(endpoint: &Endpoint, arn: &str, outgoing: &Outgoing) -> Option<Post> {
    let mut parts = arn.split(':').skip(4);
    let (account, name) = (parts.next()?, parts.next()?);
    let mut body = json!({
        "QueueUrl": format!("http://{}{}/{account}/{name}", endpoint.authority(), endpoint.path().trim_end_matches('/')),
        "MessageBody": outgoing.body,
    });
    if !outgoing.attributes.is_empty() {
        let attributes: Map<String, Value> = outgoing
            .attributes
            .iter()
            .map(|(name, text)| {
                let value = json!({ "DataType": "String", "StringValue": text });
                (name.clone(), value)
            })
            .collect();
        body["MessageAttributes"] = Value::Object(attributes);
    }
    if let Some(group_id) = &outgoing.group_id {
        body["MessageGroupId"] = json!(group_id);
    }
    Some(Post {
        content_type: "application/x-amz-json-1.0",
        target: Some("AmazonSQS.SendMessage"),
        body: body.to_string(),
    })
}

/// SNS Publish.
pub(crate) fn to_topic(arn: &str, outgoing: &Outgoing) -> Option<Post> {
    let mut form = vec![
        ("Action".to_string(), "Publish".to_string()),
        ("Version".to_string(), "2010-03-31".to_string()),
        ("TopicArn".to_string(), arn.to_string()),
        ("Message".to_string(), outgoing.body.clone()),
    ];
    for (at, (name, text)) in (1..).zip(&outgoing.attributes) {
        let entry = format!("MessageAttributes.entry.{at}");
        form.push((format!("{entry}.Name"), name.clone()));
        form.push((format!("{entry}.Value.DataType"), "String".to_string()));
        form.push((format!("{entry}.Value.StringValue"), text.clone()));
    }
    if let Some(group_id) = &outgoing.group_id {
        form.push(("MessageGroupId".to_string(), group_id.clone()));
    }
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    Some(Post {
        content_type: "application/x-www-form-urlencoded; charset=utf-8",
        target: None,
        body: pairs.join("&"),
    })
}

/// EventBridge PutEvents; `None` for an ARN that names no event bus.
pub(crate) fn to_event_bus(arn: &str, outgoing: &Outgoing) -> Option<Post> {
    if !arn.contains(":event-bus/") {
        return None;
    }
    let entry = json!({
        "EventBusName": arn,
        "Source": outgoing.source,
        "DetailType": outgoing.detail_type,
        "Resources": outgoing.resources,
        "Detail": outgoing.body,
    });
    Some(Post {
        content_type: "application/x-amz-json-1.1",
        target: Some("AWSEvents.PutEvents"),
        body: json!({ "Entries": [entry] }).to_string(),
    })
}

/// Whether a reply says that the service has the message.
pub(crate) fn check(service: &str, reply: &Reply) -> Result<(), Failure> {
    let text = String::from_utf8_lossy(&reply.body);
    let parsed: Option<Value> = serde_json::from_str(&text).ok();
    if !(200..300).contains(&reply.status) {
        let code = parsed.as_ref().and_then(error_name);
        let code = code
            .or_else(|| element(&text, "Code"))
            .unwrap_or_else(|| reply.status.to_string());
        let message = parsed
            .as_ref()
            .and_then(|value| value["message"].as_str().or(value["Message"].as_str()))
            .map(str::to_string)
            .or_else(|| element(&text, "Message"));
        let is_throttled = code.contains("Throttl") || code.contains("TooManyRequests");
        return Err(Failure {
            message: message.unwrap_or_else(|| format!("{service} answered HTTP {}", reply.status)),
            is_retryable: reply.status >= 500 && reply.status != 501
                || reply.status == 429
                || is_throttled,
            code,
        });
    }
    // AWS: PutEvents answers 200 for entries that it did not take.
    let failed = parsed
        .as_ref()
        .filter(|value| value["FailedEntryCount"].as_u64().unwrap_or(0) > 0)
        .map(|value| &value["Entries"][0]);
    match failed {
        None => Ok(()),
        Some(entry) => {
            let text = |name: &str| entry[name].as_str().unwrap_or_default().to_string();
            let code = text("ErrorCode");
            Err(Failure {
                is_retryable: code.contains("Throttl") || code.contains("Internal"),
                message: text("ErrorMessage"),
                code,
            })
        }
    }
}

/// `QueueDoesNotExist` of `com.amazonaws.sqs#QueueDoesNotExist`.
fn error_name(body: &Value) -> Option<String> {
    let kind = body["__type"].as_str()?;
    Some(kind.rsplit('#').next().unwrap_or(kind).to_string())
}

/// The text of an element of an XML error.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once('<')?;
    Some(inner.to_string())
}

/// Percent-encoding of a form's names and values.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply {
            status,
            body: body.to_string().into(),
        }
    }

    fn outgoing() -> Outgoing {
        Outgoing {
            body: r#"{"a":"b c"}"#.to_string(),
            attributes: [("ErrorCode".to_string(), "200".to_string())].into(),
            ..Outgoing::default()
        }
    }

    #[test]
    fn a_queue_gets_json_with_its_url() {
        let endpoint = Endpoint::parse("http://127.0.0.1:9324").expect("an endpoint");
        let post = to_queue(
            &endpoint,
            "arn:aws:sqs:us-east-1:123456789012:dead",
            &outgoing(),
        );
        let body: Value = serde_json::from_str(&post.expect("a queue").body).expect("JSON");
        assert_eq!(
            body,
            json!({
                "QueueUrl": "http://127.0.0.1:9324/123456789012/dead",
                "MessageBody": r#"{"a":"b c"}"#,
                "MessageAttributes": { "ErrorCode": { "DataType": "String", "StringValue": "200" } },
            })
        );
    }

    #[test]
    fn a_topic_gets_a_form() {
        let post = to_topic("arn:aws:sns:us-east-1:123456789012:t", &outgoing());
        assert_eq!(
            post.expect("a topic").body,
            "Action=Publish&Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A123456789012%3At\
             &Message=%7B%22a%22%3A%22b%20c%22%7D&MessageAttributes.entry.1.Name=ErrorCode\
             &MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=200"
        );
    }

    #[test]
    fn what_the_service_says_is_the_failure() {
        let json = r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"no queue"}"#;
        let xml = "<ErrorResponse><Error><Code>NotFound</Code><Message>no topic</Message></Error></ErrorResponse>";
        let entries = r#"{"FailedEntryCount":1,"Entries":[{"ErrorCode":"ThrottlingException","ErrorMessage":"slow"}]}"#;
        for (status, body, code, message, is_retryable) in [
            (400, json, "QueueDoesNotExist", "no queue", false),
            (404, xml, "NotFound", "no topic", false),
            (503, "", "503", "sqs answered HTTP 503", true),
            (501, "", "501", "sqs answered HTTP 501", false),
            (200, entries, "ThrottlingException", "slow", true),
        ] {
            let failure = check("sqs", &reply(status, body)).expect_err("a failure");
            let expected = Failure {
                code: code.to_string(),
                message: message.to_string(),
                is_retryable,
            };
            assert_eq!(failure, expected);
        }
        assert_eq!(check("sqs", &reply(200, r#"{"MessageId":"1"}"#)), Ok(()));
    }
}
