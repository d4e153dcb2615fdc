//! EventBridge: connections and API destinations.

use serde_json::{Value, json};

use super::{State, Wanted, iam::object, kinds::found};
use crate::client::{Client, Error};

/// Members of a connection that a template says, beside its secrets.
const CONNECTION: [&str; 5] = [
    "Name",
    "Description",
    "AuthorizationType",
    "AuthParameters",
    "KmsKeyIdentifier",
];

const DESTINATION: [&str; 6] = [
    "Name",
    "Description",
    "ConnectionArn",
    "HttpMethod",
    "InvocationEndpoint",
    "InvocationRateLimitPerSecond",
];

/// A connection as it is shown, without its secrets: what a template says of them is brought with every deployment.
pub fn read_connection(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("Name");
    let asked = client.events("DescribeConnection", &json!({ "Name": name }));
    let attributes = ["ConnectionArn", "SecretArn"];
    Ok(found(asked)?.map(|shown| state(name, &shown, &CONNECTION, attributes)))
}

pub fn read_destination(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("Name");
    let asked = client.events("DescribeApiDestination", &json!({ "Name": name }));
    let attributes = ["ApiDestinationArn", ""];
    Ok(found(asked)?.map(|shown| state(name, &shown, &DESTINATION, attributes)))
}

/// - `attributes`: the members that `Arn` and `SecretArn` are.
fn state(name: &str, shown: &Value, members: &[&str], attributes: [&str; 2]) -> State {
    let document = members
        .iter()
        .map(|member| ((*member).to_owned(), shown[*member].clone()))
        .collect::<serde_json::Map<_, _>>();
    let attributes = ["Arn", "SecretArn"].into_iter().zip(attributes);
    State {
        document: object(document.into()),
        attributes: attributes
            .filter_map(|(name, member)| {
                Some((name.to_owned(), shown[member].as_str()?.to_owned()))
            })
            .collect(),
        identity: name.to_owned(),
        package: None,
    }
}

/// - `what`: `Connection` or `ApiDestination`.
pub fn bring(
    client: &Client,
    what: &str,
    from: Option<&State>,
    wanted: &Wanted,
) -> Result<(), Error> {
    let members: &[&str] = match what {
        "Connection" => &CONNECTION,
        _ => &DESTINATION,
    };
    let verb = if from.is_none() { "Create" } else { "Update" };
    client
        .events(&format!("{verb}{what}"), &wanted.picked(members))
        .map(drop)
}

pub fn delete(client: &Client, what: &str, name: &str) -> Result<(), Error> {
    client
        .events(&format!("Delete{what}"), &json!({ "Name": name }))
        .map(drop)
}
