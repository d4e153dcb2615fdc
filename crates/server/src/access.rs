//! Who sends a request. With access keys, every call of the AWS API is signed with one of them, or comes with a session
//! that began with one; without, anybody is taken, and is the account itself.
//!
//! Sessions are sealed texts: whoever knows the keys can check them, and nothing is stored. A session of the console
//! ends when its key is taken out of the file, one of a role when any key changes, one of a function with the run of
//! the server that started it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use hyper::body::Incoming;
use hyper::header::{COOKIE, HeaderMap};
use hyper::http::request::Parts;
use hyper::{Method, Request};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use stepwell_api::sigv4::{self, Claim, Credentials, Refusal, Wire};
use stepwell_api::{Reply, sts};
use stepwell_functions::Configuration;
use stepwell_service::Caller;

use crate::shard;

/// The cookie of the console's session.
pub(crate) const COOKIE_NAME: &str = "stepwell_session";

/// The same where TLS is in front: a browser lets no other host and no other path set it.
pub(crate) const SECURE_COOKIE_NAME: &str = "__Host-stepwell_session";

/// Where packages of functions are.
pub(crate) const PACKAGES: &str = "/packages/";

/// How long the address of a package opens it. AWS: 10 minutes.
const PACKAGE_ADDRESS_MS: i64 = 600_000;

/// How long a session of the console lasts, in seconds.
pub(crate) const SESSION_SECONDS: i64 = 12 * 3_600;

/// Shortest secret that is taken. IAM makes them of 40 characters.
const SECRET_BYTES_MIN: usize = 16;

/// Longest session token that is looked at.
const TOKEN_BYTES_MAX: usize = 4_096;

/// An access key of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The user's name, as in `arn:aws:iam::123456789012:user/NAME`.
    pub user: String,
    /// What requests name.
    pub id: String,
    /// What requests are signed with.
    pub secret: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AccessKey({} of {})", self.id, self.user)
    }
}

impl AccessKey {
    /// A new one, drawn by the operating system: 80 bits of id and 240 of secret, as IAM's are.
    pub fn new(user: &str) -> AccessKey {
        let drawn = shard::entropy();
        let secret = [shard::entropy(), shard::entropy()].concat();
        AccessKey {
            user: user.to_string(),
            id: format!("AKIA{}", in_base_32(&drawn[..16])),
            secret: URL_SAFE_NO_PAD.encode(&secret[..30]),
        }
    }

    /// Why it cannot be used.
    pub fn check(&self) -> Result<(), String> {
        let Self { user, id, secret } = self;
        // Source: IAM's patterns of userNameType and accessKeyIdType.
        let is_name = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
        };
        if user.is_empty() || user.len() > 64 || !is_name(user) {
            return Err(format!(
                "the user name '{user}' is not 1 to 64 letters, digits and _+=,.@-"
            ));
        }
        let is_id = id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !(16..=128).contains(&id.len()) || !is_id {
            return Err(format!(
                "the access key id '{id}' of {user} is not 16 to 128 letters and digits"
            ));
        }
        if secret.len() < SECRET_BYTES_MIN {
            return Err(format!(
                "the secret of {id} has {} characters, at least {SECRET_BYTES_MIN} are needed",
                secret.len()
            ));
        }
        Ok(())
    }
}

/// Whose requests are answered.
pub(crate) struct Access {
    account: String,
    /// None: anybody's.
    keys: Vec<AccessKey>,
    /// Whose they are, in the same order.
    users: Vec<Caller>,
    /// What sessions of roles are sealed with.
    seal: Vec<u8>,
    /// This run of the server; functions do not outlive it.
    run: String,
}

/// Who sends a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sender {
    pub(crate) caller: Caller,
    /// The run of the server that the sender's session is good for; what it assumes is good for no longer.
    run: Option<String>,
}

impl Sender {
    fn of(caller: Caller) -> Sender {
        Sender { caller, run: None }
    }
}

/// What has to hold of a request's body before it counts.
pub(crate) enum Proof {
    /// Nothing more.
    Given,
    /// That its signature is right.
    Signature { claim: Box<Claim>, secret: String },
}

impl Proof {
    pub(crate) fn check(&self, body: &[u8]) -> Result<(), Refusal> {
        match self {
            Proof::Given => Ok(()),
            Proof::Signature { claim, secret } => claim.check(secret, body),
        }
    }
}

/// A request's body, and what has to hold of it; [`crate::body::Room::read`] reads it and checks that.
pub(crate) struct Unread {
    pub(crate) incoming: Incoming,
    pub(crate) proof: Proof,
    pub(crate) wire: Wire,
}

impl Unread {
    /// Of whoever sends it.
    pub(crate) fn of_anybody(incoming: Incoming) -> Unread {
        Unread {
            incoming,
            proof: Proof::Given,
            wire: Wire::Json,
        }
    }
}

/// What a session token says, sealed.
#[derive(Debug, Serialize, Deserialize)]
struct Session {
    /// The id of its access key.
    key: String,
    user_id: String,
    arn: String,
    principal: String,
    /// Milliseconds since 1970.
    expires: Option<i64>,
    /// The run of the server that it is good for.
    run: Option<String>,
}

/// What the cookie of the console says, sealed with the key's own secret.
#[derive(Debug, Serialize, Deserialize)]
struct ConsoleSession {
    key: String,
    expires: i64,
}

/// Who is signed in to the console.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignedIn {
    name: String,
    arn: String,
    expires_at: i64,
}

impl Access {
    pub(crate) fn new(account: &str, keys: Vec<AccessKey>) -> Access {
        let mut mac = keyed(b"stepwell sessions");
        for AccessKey { user, id, secret } in &keys {
            mac.update(format!("{user}\n{id}\n{secret}\n").as_bytes());
        }
        let seal = mac.finalize().into_bytes().to_vec();
        let users = keys.iter().map(|key| user(account, &seal, key)).collect();
        Access {
            account: account.to_string(),
            seal,
            users,
            keys,
            run: shard::uuid(),
        }
    }

    /// Whether requests must say who sends them.
    pub(crate) fn is_required(&self) -> bool {
        !self.keys.is_empty()
    }

    /// The request with who sends it, which [`Sender`] among its extensions says where that is asked for; a refusal in
    /// the request's protocol otherwise.
    pub(crate) fn admit(
        &self,
        request: Request<Incoming>,
        request_id: &str,
    ) -> Result<Request<Unread>, Reply> {
        if !self.is_required() {
            return Ok(request.map(Unread::of_anybody));
        }
        let (mut parts, incoming) = request.into_parts();
        let wire = wire(&parts);
        let (sender, proof) = self
            .sender(&parts)
            .map_err(|refusal| refused(&refusal, &parts, wire, request_id))?;
        parts.extensions.insert(sender);
        let body = Unread {
            incoming,
            proof,
            wire,
        };
        Ok(Request::from_parts(parts, body))
    }

    /// Why a request without a body is refused, or `None`.
    pub(crate) fn refusal(&self, parts: &Parts, request_id: &str) -> Option<Reply> {
        if !self.is_required() {
            return None;
        }
        let sender = self.sender(parts);
        let checked = sender.and_then(|(_, proof)| proof.check(&[]));
        let refusal = checked.err()?;
        Some(refused(&refusal, parts, wire(parts), request_id))
    }

    /// Whoever sends what nobody vouches for.
    pub(crate) fn anybody(&self) -> Sender {
        Sender::of(Caller::root(&self.account))
    }

    fn sender(&self, parts: &Parts) -> Result<(Sender, Proof), Refusal> {
        if let Some(signed) = self.signed(parts) {
            return signed;
        }
        let (key, _) = self.console_session(&parts.headers)?;
        // Pages of other ports of this machine send the cookie too, but a browser says that they are others.
        let site = parts.headers.get("sec-fetch-site");
        let is_own = site.is_none_or(|site| site == "same-origin" || site == "none");
        match is_own {
            true => Ok((Sender::of(self.user(key).clone()), Proof::Given)),
            false => Err(Refusal::Missing),
        }
    }

    /// Who has signed a request, whatever else it says; `None` if nobody has, or nobody need have.
    ///
    /// - It is known to be true once the proof is checked.
    pub(crate) fn signed(&self, parts: &Parts) -> Option<Result<(Sender, Proof), Refusal>> {
        if !self.is_required() {
            return None;
        }
        let headers: Vec<(&str, Cow<'_, str>)> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let claim = Claim::read(&sigv4::Incoming {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &headers,
        });
        Some(self.known(claim.transpose()?))
    }

    fn known(&self, claim: Result<Claim, Refusal>) -> Result<(Sender, Proof), Refusal> {
        let claim = claim?;
        let now_ms = shard::now().as_millis();
        let (sender, secret) = match &claim.session_token {
            Some(token) => self.session(token, &claim.access_key_id, now_ms)?,
            None => {
                let key = self.key(&claim.access_key_id).ok_or(Refusal::UnknownKey)?;
                (Sender::of(self.user(key).clone()), key.secret.clone())
            }
        };
        claim.check_time(now_ms)?;
        let claim = Box::new(claim);
        Ok((sender, Proof::Signature { claim, secret }))
    }

    fn key(&self, id: &str) -> Option<&AccessKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// - `key`: one of ours.
    fn user(&self, key: &AccessKey) -> &Caller {
        let mut users = self.keys.iter().zip(&self.users);
        let found = users.find(|(other, _)| other.id == key.id);
        found.expect("each key has its user").1
    }

    fn session(&self, token: &str, key_id: &str, now_ms: i64) -> Result<(Sender, String), Refusal> {
        let session: Session = unsealed(&self.seal, token).ok_or(Refusal::UnknownKey)?;
        let is_of_run = session.run.as_ref().is_none_or(|run| *run == self.run);
        if session.key != key_id || !is_of_run {
            return Err(Refusal::UnknownKey);
        }
        if session.expires.is_some_and(|expires| expires <= now_ms) {
            return Err(Refusal::ExpiredToken);
        }
        let caller = Caller {
            user_id: session.user_id,
            arn: session.arn,
            principal: session.principal,
        };
        let run = session.run;
        Ok((Sender { caller, run }, self.secret_of(token)))
    }

    fn secret_of(&self, token: &str) -> String {
        URL_SAFE_NO_PAD.encode(&mac(&self.seal, &format!("secret of {token}"))[..30])
    }

    /// Credentials that this server takes for a session.
    fn begin(&self, session: &Session) -> Credentials {
        let text = serde_json::to_string(session).expect("a session is text");
        let token = sealed(&self.seal, &text);
        Credentials {
            access_key_id: session.key.clone(),
            secret_access_key: self.secret_of(&token),
            session_token: Some(token),
        }
    }

    /// What a function calls this server with. Without keys, what everybody gives who has to give something.
    pub(crate) fn of_function(
        &self,
        configuration: &Configuration,
    ) -> stepwell_functions::Credentials {
        let named = configuration.role_arn.clone();
        let role = named.unwrap_or_else(|| self.role("function"));
        let begun = self.of_role(&role, &configuration.function_name);
        stepwell_functions::Credentials {
            access_key_id: begun.access_key_id,
            secret_access_key: begun.secret_access_key,
            session_token: begun.session_token.unwrap_or_default(),
        }
    }

    /// What deliveries of the server itself are signed with.
    pub(crate) fn of_deliveries(&self) -> Credentials {
        self.of_role(&self.role("stepwell"), "deliveries")
    }

    fn role(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:role/{name}", self.account)
    }

    /// A session of this run of the server.
    ///
    /// - `role`: its ARN. AWS: its path is no part of the session's ARN.
    fn of_role(&self, role: &str, session: &str) -> Credentials {
        if !self.is_required() {
            return Credentials {
                access_key_id: "test".to_string(),
                secret_access_key: "test".to_string(),
                session_token: Some("test".to_string()),
            };
        }
        let account = role.split(':').nth(4).unwrap_or(&self.account);
        let name = role.rsplit('/').next().unwrap_or_default();
        self.begin(&Session {
            key: format!("ASIA{}", digits(&self.seal, &format!("{role}/{session}"))),
            user_id: format!("AROA{}:{session}", digits(&self.seal, role)),
            arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session}"),
            principal: role.to_string(),
            expires: None,
            run: Some(self.run.clone()),
        })
    }

    /// Makes the credentials that assuming a role gave some that this server takes, for no longer than those of who
    /// assumed it.
    ///
    /// - `role_arn`: of the role, as it was asked for.
    pub(crate) fn assume(
        &self,
        sender: &Sender,
        output: &mut sts::AssumeRoleResponse,
        role_arn: &str,
    ) {
        if !self.is_required() {
            return;
        }
        let (Some(credentials), Some(user)) = (&mut output.credentials, &output.assumed_role_user)
        else {
            return;
        };
        let begun = self.begin(&Session {
            key: credentials.access_key_id.clone(),
            user_id: user.assumed_role_id.clone(),
            arn: user.arn.clone(),
            principal: role_arn.to_string(),
            expires: Some(credentials.expiration.ms()),
            run: sender.run.clone(),
        });
        credentials.secret_access_key = begun.secret_access_key;
        credentials.session_token = begun.session_token.unwrap_or_default();
    }

    /// Begins a session of the console: what its cookie says.
    ///
    /// - Errors: one for an unknown id and a wrong secret, so that neither is told.
    pub(crate) fn sign_in(&self, id: &str, secret: &str) -> Result<String, Refusal> {
        let key = self.key(id).ok_or(Refusal::UnknownKey)?;
        // Compared by what is made of them, which takes as long wherever they differ.
        let mut given = keyed(&self.seal);
        given.update(secret.as_bytes());
        given
            .verify_slice(&mac(&self.seal, &key.secret))
            .map_err(|_| Refusal::UnknownKey)?;
        let session = ConsoleSession {
            key: key.id.clone(),
            expires: shard::now().as_millis() + SESSION_SECONDS * 1_000,
        };
        let text = serde_json::to_string(&session).expect("a session is text");
        Ok(sealed(&console_seal(key), &text))
    }

    /// Who is signed in, if anybody is.
    pub(crate) fn signed_in(&self, headers: &HeaderMap) -> Option<SignedIn> {
        let (key, expires_at) = self.console_session(headers).ok()?;
        Some(SignedIn {
            name: key.user.clone(),
            arn: self.user(key).arn.clone(),
            expires_at,
        })
    }

    /// The key that the session of the console began with, and when it ends.
    fn console_session(&self, headers: &HeaderMap) -> Result<(&AccessKey, i64), Refusal> {
        let now_ms = shard::now().as_millis();
        let mut tokens = cookies(headers).peekable();
        tokens.peek().ok_or(Refusal::Missing)?;
        // The text says whose it is; the seal says whether that is so.
        let session_of = |token: &str| {
            self.keys.iter().find_map(|key| {
                let session: ConsoleSession = unsealed(&console_seal(key), token)?;
                (session.key == key.id).then_some((key, session.expires))
            })
        };
        // Another site of this host may have set one of the same name: of those that are ours the last to end counts.
        let last = tokens
            .filter_map(session_of)
            .max_by_key(|(_, expires)| *expires);
        match last.ok_or(Refusal::UnknownKey)? {
            session if session.1 > now_ms => Ok(session),
            _ => Err(Refusal::ExpiredToken),
        }
    }

    /// The address of a package with what opens it for a while, as AWS's locations are.
    pub(crate) fn package_address(&self, address: String) -> String {
        if !self.is_required() {
            return address;
        }
        let path = address.find(PACKAGES).map_or("", |at| &address[at..]);
        let until = shard::now().as_millis() + PACKAGE_ADDRESS_MS;
        let seal = URL_SAFE_NO_PAD.encode(mac(&self.seal, &package_text(path, until)));
        format!("{address}?until={until}&seal={seal}")
    }

    /// Whether an address opens its package for whoever has it.
    pub(crate) fn opens_package(&self, path: &str, query: Option<&str>) -> bool {
        let opened = || {
            let (until, seal) = query?.strip_prefix("until=")?.split_once("&seal=")?;
            let until: i64 = until.parse().ok()?;
            let mut mac = keyed(&self.seal);
            mac.update(package_text(path, until).as_bytes());
            mac.verify_slice(&URL_SAFE_NO_PAD.decode(seal).ok()?).ok()?;
            (until > shard::now().as_millis()).then_some(())
        };
        path.starts_with(PACKAGES) && opened().is_some()
    }
}

fn user(account: &str, seal: &[u8], key: &AccessKey) -> Caller {
    let arn = format!("arn:aws:iam::{account}:user/{}", key.user);
    Caller {
        user_id: format!("AIDA{}", digits(seal, &key.user)),
        principal: arn.clone(),
        arn,
    }
}

/// The console asks for JSON at paths of its own.
fn refused(refusal: &Refusal, parts: &Parts, wire: Wire, request_id: &str) -> Reply {
    let mut reply = refusal.reply(wire, request_id);
    if parts.uri.path().starts_with(crate::console::ROOT) {
        reply.status = 403;
    }
    reply
}

/// How the answer to a request is written.
fn wire(parts: &Parts) -> Wire {
    let path = parts.uri.path();
    if path.starts_with("/service/") {
        return Wire::Cbor;
    }
    if path.starts_with(crate::console::ROOT) {
        return Wire::Json;
    }
    if path != "/" || parts.method != Method::POST {
        return Wire::Rest;
    }
    match parts.headers.contains_key("x-amz-target") {
        true => Wire::Json,
        false => Wire::Query,
    }
}

/// What the cookies of the console say.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE_NAME || *name == SECURE_COOKIE_NAME)
        .map(|(_, value)| value)
}

/// A `Cookie` header without the console's: an application does not get it. `None` if nothing is left.
pub(crate) fn without_session(cookies: &str) -> Option<String> {
    let others: Vec<&str> = cookies
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            name != COOKIE_NAME && name != SECURE_COOKIE_NAME
        })
        .collect();
    (!others.is_empty()).then(|| others.join("; "))
}

fn package_text(path: &str, until_ms: i64) -> String {
    format!("package {path} until {until_ms}")
}

fn console_seal(key: &AccessKey) -> Vec<u8> {
    mac(key.secret.as_bytes(), "stepwell console")
}

/// The text and its seal, in characters that a cookie and a header may have.
fn sealed(key: &[u8], text: &str) -> String {
    let said = URL_SAFE_NO_PAD.encode(text);
    let seal = URL_SAFE_NO_PAD.encode(mac(key, &said));
    format!("{said}.{seal}")
}

fn unsealed<T: serde::de::DeserializeOwned>(key: &[u8], token: &str) -> Option<T> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (said, seal) = token.split_once('.')?;
    let mut mac = keyed(key);
    mac.update(said.as_bytes());
    mac.verify_slice(&URL_SAFE_NO_PAD.decode(seal).ok()?).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(said).ok()?).ok()
}

/// Sixteen characters as IAM's ids have them; always the same of the same text.
fn digits(key: &[u8], text: &str) -> String {
    in_base_32(&mac(key, &format!("id of {text}"))[..16])
}

fn in_base_32(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digits = bytes.iter().map(|byte| digits[usize::from(byte % 32)]);
    digits.map(char::from).collect()
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = keyed(key);
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("a key may have any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACCOUNT: &str = "123456789012";

    fn key(user: &str) -> AccessKey {
        AccessKey {
            user: user.to_string(),
            id: format!("AKIA{:0>16}", user.to_ascii_uppercase()),
            secret: format!("the secret of {user}, which is long"),
        }
    }

    fn role_session(access: &Access, expires: Option<i64>) -> (String, String) {
        let begun = access.begin(&Session {
            key: "ASIA0000000000000000".to_string(),
            user_id: "AROA:s".to_string(),
            arn: "arn:aws:sts::123456789012:assumed-role/r/s".to_string(),
            principal: "arn:aws:iam::123456789012:role/r".to_string(),
            expires,
            run: None,
        });
        (
            begun.session_token.expect("a session has a token"),
            begun.access_key_id,
        )
    }

    #[test]
    fn a_session_ends_when_it_says_and_when_a_key_changes() {
        let access = Access::new(ACCOUNT, vec![key("alice")]);
        let (token, id) = role_session(&access, Some(2_000));
        let (sender, secret) = access.session(&token, &id, 1_999).expect("it goes on");
        assert_eq!(
            sender.caller.arn,
            "arn:aws:sts::123456789012:assumed-role/r/s"
        );
        assert_eq!(secret, access.secret_of(&token));
        assert_eq!(
            access.session(&token, &id, 2_000),
            Err(Refusal::ExpiredToken)
        );
        assert_eq!(access.session(&token, "ASIA1", 0), Err(Refusal::UnknownKey));
        // Another server with the same keys takes it, and one with others does not.
        let same = Access::new(ACCOUNT, vec![key("alice")]);
        assert!(same.session(&token, &id, 0).is_ok());
        let other = Access::new(ACCOUNT, vec![key("alice"), key("bob")]);
        assert_eq!(other.session(&token, &id, 0), Err(Refusal::UnknownKey));
    }

    #[test]
    fn what_a_function_got_ends_with_the_run_of_the_server() {
        let access = Access::new(ACCOUNT, vec![key("alice")]);
        let role = "arn:aws:iam::210987654321:role/team/orders";
        let given = access.of_role(role, "Pay");
        let token = given.session_token.expect("a session has a token");
        let (sender, _) = access
            .session(&token, &given.access_key_id, i64::MAX)
            .expect("it lasts as long as the server");
        assert_eq!(sender.caller.principal, role);
        let arn = "arn:aws:sts::210987654321:assumed-role/orders/Pay";
        assert_eq!(sender.caller.arn, arn);
        assert_eq!(sender.run.as_ref(), Some(&access.run));
        let again = Access::new(ACCOUNT, vec![key("alice")]);
        let told = again.session(&token, &given.access_key_id, 0);
        assert_eq!(told, Err(Refusal::UnknownKey));
        // Without keys there is nothing to know.
        let open = Access::new(ACCOUNT, Vec::new());
        assert_eq!(open.of_role(role, "Pay").access_key_id, "test");
    }

    #[test]
    fn a_cookie_that_another_site_has_planted_does_not_lock_out() {
        let access = Access::new(ACCOUNT, vec![key("alice")]);
        let token = access.sign_in(&key("alice").id, &key("alice").secret);
        let token = token.expect("it is her key");
        let said = |cookies: String| {
            let mut headers = HeaderMap::new();
            headers.insert(COOKIE, cookies.parse().expect("a header"));
            access.signed_in(&headers).map(|user| user.name)
        };
        for cookies in [
            format!("stepwell_session={token}"),
            format!("stepwell_session=planted; stepwell_session={token}"),
            format!("stepwell_session=planted; __Host-stepwell_session={token}"),
        ] {
            assert_eq!(said(cookies).as_deref(), Some("alice"));
        }
        assert_eq!(said("stepwell_session=planted".to_string()), None);
    }

    #[test]
    fn the_address_of_a_package_opens_that_one_and_no_other() {
        let access = Access::new(ACCOUNT, vec![key("alice")]);
        let address = access.package_address("http://h:1/packages/a.zip".to_string());
        let (path, query) = address.split_once('?').expect("a query");
        let path = path.trim_start_matches("http://h:1");
        assert!(access.opens_package(path, Some(query)));
        assert!(!access.opens_package("/packages/b.zip", Some(query)));
        assert!(!access.opens_package("/2015-03-31/functions", Some(query)));
        assert!(!access.opens_package(path, Some(&query.replace("until=1", "until=2"))));
        assert!(!access.opens_package(path, None));
        let seal = URL_SAFE_NO_PAD.encode(mac(&access.seal, &package_text(path, 1)));
        let old = format!("until=1&seal={seal}");
        assert!(!access.opens_package(path, Some(&old)), "its time is over");
    }

    #[test]
    fn a_sealed_text_is_read_with_its_key_alone() {
        let token = sealed(b"key", "\"text\"");
        assert_eq!(unsealed::<String>(b"key", &token).as_deref(), Some("text"));
        assert_eq!(unsealed::<String>(b"other", &token), None);
        let (said, seal) = token.split_once('.').expect("two parts");
        let longer = format!("{said}A.{seal}");
        for changed in [said, longer.as_str(), &format!("{said}."), ".", ""] {
            assert_eq!(unsealed::<String>(b"key", changed), None, "{changed}");
        }
        assert_eq!(unsealed::<String>(b"key", &"a".repeat(5_000)), None);
    }

    #[test]
    fn applications_do_not_get_the_cookie_of_the_console() {
        assert_eq!(
            without_session("a=1; stepwell_session=x.y; b=2").as_deref(),
            Some("a=1; b=2")
        );
        assert_eq!(without_session("stepwell_session=x"), None);
        assert_eq!(without_session("__Host-stepwell_session=x"), None);
        assert_eq!(
            without_session("stepwell_sessions=x").as_deref(),
            Some("stepwell_sessions=x")
        );
    }
}
