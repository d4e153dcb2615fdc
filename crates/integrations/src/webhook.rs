//! Calls of API destinations, and the OAuth tokens that they need.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{self, Endpoint, Reads, Reply};
use crate::{Failure, Integrations, never};

/// How long an API destination may take. AWS: five seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tokens kept; one more makes room by forgetting those that are over, or all. As many as there may be connections.
const TOKENS_MAX: usize = 3_000;

/// A token is not used in the last seconds of its life.
const TOKEN_MARGIN: Duration = Duration::from_secs(30);

/// How long a token is used whose life is not said.
const TOKEN_LIFE_DEFAULT: Duration = Duration::from_secs(300);

/// The longest life of a token that is believed.
const TOKEN_LIFE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// AWS: what an API destination sends of itself.
const OWN_HEADERS: [(&str, &str); 2] = [
    ("user-agent", "Amazon/EventBridge/ApiDestinations"),
    ("range", "bytes=0-1048575"),
];

/// An HTTP request.
#[derive(Debug, Clone)]
pub struct Webhook {
    pub method: String,
    /// `http://` or `https://`.
    pub url: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

/// A request whose reply has an OAuth access token.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What the token is for.
    pub key: String,
    pub request: Webhook,
}

/// Tokens by what they are for.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<String, Token>>);

#[derive(Clone)]
struct Token {
    text: String,
    until: Instant,
}

impl Tokens {
    fn get(&self, key: &str) -> Option<String> {
        let tokens = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let token = tokens.get(key)?;
        (token.until > Instant::now()).then(|| token.text.clone())
    }

    fn put(&self, key: &str, token: Token) {
        let mut tokens = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if tokens.len() >= TOKENS_MAX {
            let now = Instant::now();
            tokens.retain(|_, token| token.until > now);
        }
        if tokens.len() >= TOKENS_MAX {
            tokens.clear();
        }
        tokens.insert(key.to_string(), token);
    }

    fn forget(&self, key: &str) {
        let mut tokens = self
            .0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        tokens.remove(key);
    }
}

impl Integrations {
    /// Calls an API destination.
    ///
    /// - `token`: how to get the token that the request lacks.
    /// - It is over when the head of the answer is there: what the endpoint did is done, whatever body follows.
    /// - Errors: AWS tries again after 401, 407, 409, 429, 5xx and what cannot be reached. A token that is refused is
    ///   not used again.
    pub async fn call(
        &self,
        webhook: &Webhook,
        token: Option<&TokenRequest>,
    ) -> Result<(), Failure> {
        let mut bearer = None;
        if let Some(token) = token {
            let text = match self.tokens.get(&token.key) {
                Some(text) => text,
                None => self.authorize(token).await?,
            };
            bearer = Some(format!("Bearer {text}"));
        }
        let reply = request(webhook, bearer.as_deref(), Reads::Head).await?;
        let is_unauthorized = matches!(reply.status, 401 | 407);
        if let Some(token) = token.filter(|_| is_unauthorized) {
            self.tokens.forget(&token.key);
        }
        match reply.status {
            200..300 => Ok(()),
            status => Err(Failure {
                code: status.to_string(),
                message: format!(
                    "{} answered HTTP {status}",
                    webhook.url.split('?').next().unwrap_or_default()
                ),
                is_retryable: is_unauthorized || matches!(status, 409 | 429 | 500..),
            }),
        }
    }

    /// Gets a token and keeps it for the calls that follow.
    pub async fn authorize(&self, token: &TokenRequest) -> Result<String, Failure> {
        let reply = request(&token.request, None, Reads::All).await?;
        let read = read_token(&reply).map_err(|reason| Failure {
            code: "AuthorizationFailed".to_string(),
            message: format!(
                "the authorization endpoint {} {reason}",
                token.request.url.split('?').next().unwrap_or_default()
            ),
            is_retryable: reply.status >= 500 || reply.status == 429,
        })?;
        self.tokens.put(&token.key, read.clone());
        Ok(read.text)
    }
}

async fn request(webhook: &Webhook, bearer: Option<&str>, reads: Reads) -> Result<Reply, Failure> {
    let Some(endpoint) = Endpoint::parse(&webhook.url) else {
        let origin = webhook.url.split('?').next().unwrap_or_default();
        return Err(never(
            "EndpointNotSupported",
            format!(
                "nothing was sent to {origin}: Stepwell itself sends to http:// only; give it the URL of a proxy that speaks TLS"
            ),
        ));
    };
    let mut headers: Vec<(&str, &str)> = OWN_HEADERS.to_vec();
    for (name, value) in &webhook.headers {
        headers.push((name, value));
    }
    if let Some(bearer) = bearer {
        headers.retain(|(name, _)| *name != "authorization");
        headers.push(("authorization", bearer));
    }
    client::call(
        &endpoint,
        &webhook.method,
        &headers,
        &webhook.body,
        PATIENCE,
        reads,
    )
    .await
}

/// The token of a reply (RFC 6749, 5.1), or what is wrong with the reply.
fn read_token(reply: &Reply) -> Result<Token, String> {
    if !(200..300).contains(&reply.status) {
        return Err(format!("answered HTTP {}", reply.status));
    }
    let parsed: Value = serde_json::from_slice(&reply.body)
        .map_err(|error| format!("answered with what is no JSON: {error}"))?;
    let Some(text) = parsed["access_token"]
        .as_str()
        .filter(|text| !text.is_empty())
    else {
        return Err("answered without an access_token".to_string());
    };
    let seconds = match &parsed["expires_in"] {
        Value::String(text) => text.parse().ok(),
        number => number.as_u64(),
    };
    let life = seconds.map_or(TOKEN_LIFE_DEFAULT, |seconds| {
        Duration::from_secs(seconds).min(TOKEN_LIFE_MAX)
    });
    Ok(Token {
        text: text.to_string(),
        until: Instant::now() + life.saturating_sub(TOKEN_MARGIN),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_or_the_reply_is_named() {
        let reply = |status, body: &str| Reply {
            status,
            body: body.to_string().into(),
        };
        let token = read_token(&reply(200, r#"{"access_token":"t","expires_in":3600}"#));
        assert_eq!(token.map(|token| token.text), Ok("t".to_string()));
        for (status, body, reason) in [
            (401, "", "answered HTTP 401"),
            (200, "{}", "answered without an access_token"),
            (
                200,
                "x",
                "answered with what is no JSON: expected value at line 1 column 1",
            ),
        ] {
            let refused = read_token(&reply(status, body)).map(|token| token.text);
            assert_eq!(refused, Err(reason.to_string()));
        }
    }

    /// Endpoints whose answers begin with `head`, and never end.
    fn endless(head: &'static str) -> String {
        use std::io::{Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it has one");
        std::thread::spawn(move || {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept() {
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request);
                let _ = stream.write_all(head.as_bytes());
                open.push(stream);
            }
        });
        format!("http://{address}/hook")
    }

    #[tokio::test]
    async fn an_answer_counts_from_its_head_on() {
        let integrations = Integrations::new(
            BTreeMap::new(),
            "us-east-1",
            stepwell_api::sigv4::Credentials {
                access_key_id: "a".to_string(),
                secret_access_key: "s".to_string(),
                session_token: None,
            },
        );
        for (head, status) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nslow", None),
            (
                "HTTP/1.1 202 Accepted\r\ncontent-length: 99999999\r\n\r\n",
                None,
            ),
            (
                "HTTP/1.1 404 Not Found\r\ntransfer-encoding: chunked\r\n\r\n",
                Some("404"),
            ),
        ] {
            let webhook = Webhook {
                method: "POST".to_string(),
                url: endless(head),
                headers: BTreeMap::new(),
                body: "{}".to_string(),
            };
            let failed = integrations.call(&webhook, None).await.err();
            let code = failed.as_ref().map(|failure| failure.code.as_str());
            assert_eq!(code, status, "{head}");
        }
    }

    #[test]
    fn tokens_are_forgotten_when_they_are_over_or_too_many() {
        let tokens = Tokens::default();
        let token = |life: u64| Token {
            text: "t".to_string(),
            until: Instant::now() + Duration::from_secs(life),
        };
        tokens.put("over", token(0));
        assert_eq!(tokens.get("over"), None);
        for number in 0..=TOKENS_MAX {
            tokens.put(&number.to_string(), token(60));
        }
        let kept = tokens.0.lock().expect("nobody panics").len();
        assert!(kept <= TOKENS_MAX, "{kept}");
        tokens.forget("0");
        assert_eq!(tokens.get("0"), None);
    }
}
