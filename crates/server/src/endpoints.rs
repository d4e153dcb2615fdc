//! Endpoints of services that others serve: what a setting must be.

use std::collections::BTreeMap;

use stepwell_api::services::{self, Signs};

/// Services that can have an endpoint; there are fewer.
pub(crate) const ENDPOINTS_MAX: usize = 512;
/// Longest URL of an endpoint: it becomes a variable of every function.
const URL_BYTES_MAX: usize = 1_024;

/// The variables of handlers that tell SDKs where services are.
pub(crate) fn variables(endpoints: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    endpoints
        .iter()
        .map(|(id, url)| {
            (
                format!("AWS_ENDPOINT_URL_{}", id.to_uppercase()),
                url.clone(),
            )
        })
        .collect()
}

/// The endpoints by the name in the signatures of their services, for SDKs that read no variable.
///
/// Of services that share a name, the one that `services::identify` means has it.
pub(crate) fn by_signing_name(endpoints: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut named = BTreeMap::new();
    for (id, url) in endpoints {
        let Some(name) = services::signing_name(id) else {
            continue;
        };
        let meant = services::identify(Signs {
            signing_name: Some(name),
            ..Signs::default()
        });
        if meant == Some(id) {
            named.insert(name.to_owned(), url.clone());
        } else {
            named.entry(name.to_owned()).or_insert_with(|| url.clone());
        }
    }
    named
}

/// Why this is no endpoint of a service, in one sentence.
///
/// - `id`: as in `AWS_ENDPOINT_URL_<ID>`, lower case.
/// - `url`: `http://` or `https://`, a host, perhaps a port and a path.
pub fn check_endpoint(id: &str, url: &str) -> Result<(), String> {
    if !services::is_id(id) {
        let similar = services::similar_ids(id);
        let meant = match similar.as_slice() {
            [] => String::new(),
            ids => format!(", do you mean {}?", ids.join(" or ")),
        };
        return Err(format!(
            "there is no service {id:?} in AWS_ENDPOINT_URL_<SERVICE>{meant}"
        ));
    }
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let Some(rest) = rest else {
        return Err(format!(
            "the endpoint of {id} is {url:?}, and must begin with http:// or https://"
        ));
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let has_bad = url
        .bytes()
        .any(|byte| !byte.is_ascii_graphic() || b"?#@\"'`".contains(&byte));
    let port = authority
        .rsplit_once(':')
        .map(|(_, port)| port)
        .filter(|port| !port.ends_with(']'));
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if authority.is_empty() || authority.starts_with(':') || has_bad || !is_port {
        return Err(format!(
            "the endpoint of {id} is {url:?}, and must be http://HOST:PORT, perhaps with a path"
        ));
    }
    if url.len() > URL_BYTES_MAX {
        return Err(format!(
            "the endpoint of {id} has {} bytes, at most {URL_BYTES_MAX} are allowed",
            url.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_that_share_a_name_in_signatures_give_it_to_the_plain_one() {
        let endpoints = |ids: &[&str]| {
            ids.iter()
                .map(|id| ((*id).to_owned(), format!("http://{id}")))
                .collect()
        };
        let named = by_signing_name(&endpoints(&["dynamodb", "dynamodb_streams", "cloudwatch"]));
        assert_eq!(named["dynamodb"], "http://dynamodb");
        assert_eq!(named["monitoring"], "http://cloudwatch");
        let named = by_signing_name(&endpoints(&["dynamodb_streams"]));
        assert_eq!(named["dynamodb"], "http://dynamodb_streams");
    }

    #[test]
    fn an_endpoint_is_a_url_of_a_known_service() {
        for url in [
            "http://127.0.0.1:9324",
            "https://sqs.example.com/path",
            "http://[::1]:4100",
            "http://[::1]",
            "http://minio",
        ] {
            assert_eq!(check_endpoint("sqs", url), Ok(()), "{url}");
        }
        for url in [
            "127.0.0.1:9324",
            "http://",
            "http://:80",
            "http://h:0",
            "http://h:port",
            "http://h/?a",
            "http://u@h",
            "http://h h",
        ] {
            assert!(check_endpoint("sqs", url).is_err(), "{url}");
        }
        assert_eq!(
            check_endpoint("events", "http://h"),
            Err("there is no service \"events\" in AWS_ENDPOINT_URL_<SERVICE>, do you mean eventbridge or eventbridgev2?".to_owned())
        );
    }
}
