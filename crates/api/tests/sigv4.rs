//! Signatures: made as AWS documents them, and refused when anything that they cover has changed.

use std::borrow::Cow;

use stepwell_api::DateTime;
use stepwell_api::sigv4::{Claim, Credentials, Incoming, Outgoing, Refusal, Scope, Wire, sign};

/// Those of AWS's documentation.
fn documented() -> Credentials {
    Credentials {
        access_key_id: "AKIDEXAMPLE".to_string(),
        secret_access_key: SECRET.to_string(),
        session_token: None,
    }
}

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// 2015-08-30T12:36:00Z.
const THEN: i64 = 1_440_938_160_000;

/// A request on its way, which somebody may change.
#[derive(Clone)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn signed(
        credentials: &Credentials,
        (method, path, query): (&str, &str, &str),
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Sent {
        let scope = Scope {
            region: "us-east-1",
            service: "states",
            now_ms: THEN,
        };
        let request = Outgoing {
            method,
            path,
            query,
            headers,
            body,
        };
        let added = sign(credentials, &scope, &request);
        let text = |(name, value): (&str, &str)| (name.to_string(), value.to_string());
        let mut headers: Vec<_> = headers.iter().copied().map(text).collect();
        headers.extend(added.iter().map(|(name, value)| text((name, value))));
        Sent {
            method: method.to_string(),
            path: path.to_string(),
            query: query.to_string(),
            headers,
            body: body.to_vec(),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.headers.retain(|(header, _)| header != name);
        if !value.is_empty() {
            self.headers.push((name.to_string(), value.to_string()));
        }
    }

    fn get(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    fn claim(&self) -> Result<Option<Claim>, Refusal> {
        let headers: Vec<(&str, Cow<'_, str>)> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), Cow::from(value.as_str())))
            .collect();
        Claim::read(&Incoming {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
        })
    }

    /// What a server that knows the secret says, `offset` milliseconds later.
    fn told(&self, secret: &str, offset: i64) -> Result<(), Refusal> {
        let claim = self.claim()?.ok_or(Refusal::Missing)?;
        claim.check_time(THEN + offset)?;
        claim.check(secret, &self.body)
    }
}

type Change = fn(&mut Sent);

/// An Invoke of a function by its ARN: what is encoded in a path is encoded once more in what is signed.
fn invoke() -> Sent {
    Sent::signed(
        &documented(),
        (
            "POST",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3AF/invocations",
            "Qualifier=%24LATEST",
        ),
        &[
            ("host", "127.0.0.1:8333"),
            ("content-type", "application/json"),
            ("x-amz-target", "T.Op"),
        ],
        br#"{"order":1}"#,
    )
}

#[test]
fn the_documented_example_has_its_documented_signature() {
    let scope = Scope {
        region: "us-east-1",
        service: "iam",
        now_ms: THEN,
    };
    let request = Outgoing {
        method: "GET",
        path: "/",
        query: "Action=ListUsers&Version=2010-05-08",
        headers: &[
            ("host", "iam.amazonaws.com"),
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
        ],
        body: b"",
    };
    let headers = sign(&documented(), &scope, &request);
    assert_eq!(
        headers,
        [
            ("x-amz-date", "20150830T123600Z".to_string()),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date, \
                 Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
                    .to_string()
            ),
        ]
    );
}

/// Vectors of AWS's own test suite for this algorithm, by their names there.
#[test]
fn vectors_of_the_test_suite_are_checked() {
    let vectors = [
        (
            "get-vanilla",
            ("GET", "/", ""),
            "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            ("GET", "/", "Param2=value2&Param1=value1"),
            "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-slashes",
            ("GET", "//example//", ""),
            "host;x-amz-date",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
        (
            "post-vanilla",
            ("POST", "/", ""),
            "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
    ];
    for (name, (method, path, query), names, signature) in vectors {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, \
             Signature={signature}"
        );
        let headers = [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", &authorization),
        ];
        let text = |(name, value): (&str, &str)| (name.to_string(), value.to_string());
        let sent = Sent {
            method: method.to_string(),
            path: path.to_string(),
            query: query.to_string(),
            headers: headers.into_iter().map(text).collect(),
            body: Vec::new(),
        };
        assert_eq!(sent.told(SECRET, 0), Ok(()), "{name}");
    }
}

#[test]
fn what_is_signed_is_taken_and_what_was_changed_is_not() {
    let sent = invoke();
    assert_eq!(sent.told(SECRET, 0), Ok(()));
    assert_eq!(sent.told("another secret", 0), Err(Refusal::Mismatch));
    let changes: [(&str, Change); 9] = [
        ("method", |sent| sent.method = "PUT".to_string()),
        ("path", |sent| sent.path = sent.path.replace("3AF/", "3AG/")),
        ("query", |sent| sent.query = "Qualifier=1".to_string()),
        ("body", |sent| sent.body = br#"{"order":2}"#.to_vec()),
        ("target", |sent| sent.set("x-amz-target", "T.Other")),
        ("host", |sent| sent.set("host", "localhost:8333")),
        ("a second value", |sent| {
            let header = ("x-amz-target".to_string(), "T.Other".to_string());
            sent.headers.push(header);
        }),
        ("the date by a second", |sent| {
            sent.set("x-amz-date", "20150830T123601Z");
        }),
        ("the hash of the body", |sent| {
            sent.set("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
        }),
    ];
    for (what, change) in changes {
        let mut sent = sent.clone();
        change(&mut sent);
        assert_eq!(sent.told(SECRET, 0), Err(Refusal::Mismatch), "{what}");
    }
    // What nobody signed may change.
    let mut traced = sent.clone();
    traced.set(
        "x-amzn-trace-id",
        "Root=1-5759e988-bd862e3fe1be46a994272793",
    );
    assert_eq!(traced.told(SECRET, 0), Ok(()));
}

#[test]
fn spaces_of_headers_do_not_count() {
    let mut sent = invoke();
    sent.set("content-type", "  application/json ");
    assert_eq!(sent.told(SECRET, 0), Ok(()));
}

/// What an application reads differently is signed differently.
#[test]
fn a_query_has_one_form() {
    let signed = |query: &str| {
        let host = [("host", "h")];
        let sent = Sent::signed(&documented(), ("GET", "/", query), &host, b"");
        sent.get("authorization")
    };
    assert_eq!(signed("a=%41&b"), signed("b=&a=A"));
    assert_eq!(signed("a=%2f"), signed("a=/"));
    for (one, other) in [
        ("a=+", "a=%2B"),
        ("a=+", "a=%20"),
        ("a=%FF", "a=%FE"),
        ("a=%FF", "a=%EF%BF%BD"),
        ("a=1&a=2", "a=1,2"),
        ("a=%", "a=%25%"),
        ("a", "A"),
    ] {
        assert_ne!(signed(one), signed(other), "{one} and {other}");
    }
}

#[test]
fn a_session_sends_its_token_and_signs_it() {
    let session = Credentials {
        session_token: Some("token".to_string()),
        ..documented()
    };
    let host = [("host", "h")];
    let mut sent = Sent::signed(&session, ("POST", "/", ""), &host, b"{}");
    let claim = sent.claim().expect("it is signed").expect("it is signed");
    assert_eq!(claim.session_token.as_deref(), Some("token"));
    assert_eq!(claim.access_key_id, "AKIDEXAMPLE");
    assert_eq!(sent.told(SECRET, 0), Ok(()));
    sent.set("x-amz-security-token", "other");
    assert_eq!(sent.told(SECRET, 0), Err(Refusal::Mismatch));
}

#[test]
fn a_signature_is_good_for_five_minutes() {
    let sent = invoke();
    for offset in [-300_000, 0, 300_000] {
        assert_eq!(sent.told(SECRET, offset), Ok(()), "{offset}");
    }
    let told = |offset| sent.told(SECRET, offset).expect_err("it is refused");
    assert_eq!(
        told(301_000).message(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
    );
    assert_eq!(
        told(-301_000).message(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"
    );
}

#[test]
fn a_presigned_address_is_good_for_as_long_as_it_says() {
    // Signed by botocore (SigV4QueryAuth) for these credentials at this time.
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fexecute-api%2Faws4_request\
        &X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=51edaf20a7f885e74958a9343bdb5333e61283368a07aa9757d45b96972c3fd0";
    let sent = Sent {
        method: "GET".to_string(),
        path: "/orders".to_string(),
        query: query.replace("        ", ""),
        headers: vec![("host".to_string(), "localhost:8333".to_string())],
        body: Vec::new(),
    };
    assert_eq!(sent.told(SECRET, 60_000), Ok(()));
    assert_eq!(
        sent.told(SECRET, 61_000).map_err(|refusal| refusal.message().to_string()),
        Err("Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T123701Z - 60 s.)".to_string())
    );
    let with = |from: &str, to: &str| Sent {
        query: sent.query.replace(from, to),
        ..sent.clone()
    };
    assert_eq!(
        with("Expires=60", "Expires=61").told(SECRET, 0),
        Err(Refusal::Mismatch)
    );
    for (from, to, said) in [
        (
            "Expires=60",
            "Expires=604801",
            "X-Amz-Expires is 604801, and from 1 to 604800 seconds are taken.",
        ),
        (
            "&X-Amz-Expires=60",
            "",
            "AWS query-string parameters must include 'X-Amz-Expires'.",
        ),
        (
            "AWS4-HMAC-SHA256",
            "AWS4-ECDSA-P256-SHA256",
            "X-Amz-Algorithm is AWS4-ECDSA-P256-SHA256, and AWS4-HMAC-SHA256 is what is taken.",
        ),
    ] {
        let refusal = with(from, to).claim().expect_err("it cannot be read");
        assert_eq!(refusal, Refusal::Incomplete(said.to_string()));
    }
}

#[test]
fn what_cannot_be_read_says_what_is_missing() {
    let told = |change: fn(&str) -> String| {
        let mut sent = invoke();
        let authorization = sent.get("authorization");
        sent.set("authorization", &change(&authorization));
        match sent.claim() {
            Err(Refusal::Incomplete(text)) => text,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        told(|_| "AWS4-HMAC-SHA256 Credential=AKID".to_string()),
        "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
         Authorization=AWS4-HMAC-SHA256 Credential=AKID"
    );
    assert_eq!(
        told(|given| given.replace("/aws4_request", "")),
        "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/aws4_request, got \
         'AKIDEXAMPLE/20150830/us-east-1/states'."
    );
    assert_eq!(
        told(|given| given.replace("/20150830/", "/20150831/")),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150831' != '20150830'."
    );
    assert_eq!(
        told(|given| given.replace("host;", "")),
        "'host' must be a 'SignedHeader' in the AWS Authorization."
    );
    assert_eq!(
        told(|given| given.replace(";x-amz-target", "")),
        "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."
    );
    assert_eq!(
        told(|given| {
            let at = given.find("Signature=").expect("it is signed");
            format!("{}Signature=zz", &given[..at])
        }),
        "Signature must be 64 hexadecimal digits."
    );
    let changes: [fn(&str) -> String; 2] = [
        |given| given.replace("content-type;host", "host;content-type"),
        |given| given.replace("content-type;host", "content-type;host;host"),
    ];
    for change in changes {
        let said = "SignedHeaders must be names in lower case, in order, each once.";
        assert_eq!(told(change), said);
    }
    assert_eq!(
        told(|given| given.replace("/20150830/", "//")),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '' != '20150830'."
    );
    let mut more = invoke();
    more.set("x-amz-invocation-type", "Event");
    assert_eq!(
        more.claim(),
        Err(Refusal::Incomplete(
            "'x-amz-invocation-type' must be a 'SignedHeader' in the AWS Authorization."
                .to_string()
        ))
    );
    for path in ["/admin/../files/x", "/./files", "/files/.."] {
        let mut walked = invoke();
        walked.path = path.to_string();
        let said = "The path of a signed request has no '.' and '..' segments.";
        let said = Refusal::Incomplete(said.to_string());
        assert_eq!(walked.claim(), Err(said), "{path}");
    }
    let mut undated = invoke();
    undated.set("x-amz-date", "Sun, 30 Aug 2015 12:36:00 GMT");
    assert_eq!(
        undated.claim(),
        Err(Refusal::Incomplete(
            "Date must be in ISO-8601 'basic format'. Got 'Sun, 30 Aug 2015 12:36:00 GMT'."
                .to_string()
        ))
    );
    let mut unsigned = invoke();
    unsigned.set("authorization", "Bearer abc");
    assert_eq!(unsigned.claim(), Ok(None));
    unsigned.set("authorization", "");
    assert_eq!(unsigned.claim(), Ok(None));
}

#[test]
fn a_refusal_is_written_as_its_protocol_does() {
    let told = |refusal: &Refusal, wire| {
        let reply = refusal.reply(wire, "id");
        let kind = reply.header("x-amzn-errortype").unwrap_or_default();
        let body = String::from_utf8_lossy(&reply.body).into_owned();
        format!("{} {kind} {body}", reply.status)
    };
    assert_eq!(
        told(&Refusal::Missing, Wire::Json),
        r#"400  {"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}"#
    );
    assert_eq!(
        told(&Refusal::UnknownKey, Wire::Rest),
        r#"403 UnrecognizedClientException {"message":"The security token included in the request is invalid."}"#
    );
    assert!(told(&Refusal::UnknownKey, Wire::Query).contains("<Code>InvalidClientTokenId</Code>"));
    assert!(told(&Refusal::Mismatch, Wire::Query).contains("<Code>SignatureDoesNotMatch</Code>"));
    let cbor = Refusal::ExpiredToken.reply(Wire::Cbor, "id");
    assert_eq!(cbor.header("smithy-protocol"), Some("rpc-v2-cbor"));
    let date = DateTime::from_ms(THEN).to_string();
    assert_eq!(date, "2015-08-30T12:36:00Z");
}
