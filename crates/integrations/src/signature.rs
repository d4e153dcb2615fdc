//! Signature Version 4 of a request. Services that stand in for AWS read region and service out of it.
//!
//! Source: "Create a signed AWS API request", IAM user guide.

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use stepwell_api::DateTime;

use crate::Credentials;

/// Where and when a request is made.
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
    pub(crate) now_ms: i64,
}

/// What of a request is signed.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    /// Begins with `/`.
    pub(crate) path: &'a str,
    /// In canonical order and form.
    pub(crate) query: &'a str,
    pub(crate) host: &'a str,
    pub(crate) content_type: &'a str,
    pub(crate) body: &'a str,
}

/// `X-Amz-Date` and `Authorization` of a request.
pub(crate) fn headers(
    credentials: &Credentials,
    scope: &Scope,
    signed: &Signed,
) -> Vec<(&'static str, String)> {
    // 2023-11-14T22:13:20Z without its punctuation.
    let date = DateTime::from_ms(scope.now_ms)
        .to_string()
        .replace(['-', ':'], "");
    let day = &date[..8];
    let Scope {
        region, service, ..
    } = scope;
    let names = "content-type;host;x-amz-date";
    let request = format!(
        "{}\n{}\n{}\ncontent-type:{}\nhost:{}\nx-amz-date:{date}\n\n{names}\n{}",
        signed.method,
        signed.path,
        signed.query,
        signed.content_type,
        signed.host,
        hex(&Sha256::digest(signed.body.as_bytes()))
    );
    let place = format!("{day}/{region}/{service}/aws4_request");
    let text = format!(
        "AWS4-HMAC-SHA256\n{date}\n{place}\n{}",
        hex(&Sha256::digest(request.as_bytes()))
    );
    let secret = format!("AWS4{}", credentials.secret_access_key);
    let key = [day, region, service, "aws4_request"]
        .iter()
        .fold(secret.into_bytes(), |key, part| mac(&key, part));
    let signature = hex(&mac(&key, &text));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{place}, SignedHeaders={names}, Signature={signature}",
        credentials.access_key_id
    );
    vec![("x-amz-date", date), ("authorization", authorization)]
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's documentation: ListUsers of 2015-08-30.
    #[test]
    fn the_documented_example_has_its_documented_signature() {
        let credentials = Credentials {
            access_key_id: "AKIDEXAMPLE".to_string(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_string(),
        };
        let scope = Scope {
            region: "us-east-1",
            service: "iam",
            now_ms: 1_440_938_160_000,
        };
        let signed = Signed {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            host: "iam.amazonaws.com",
            content_type: "application/x-www-form-urlencoded; charset=utf-8",
            body: "",
        };
        let headers = headers(&credentials, &scope, &signed);
        assert_eq!(headers[0].1, "20150830T123600Z");
        assert!(
            headers[1].1.ends_with(
                "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
            ),
            "{}",
            headers[1].1
        );
    }
}
