//! Who may call: programs and the console, never other web pages.
//!
//! A page that a browser has open can send requests to this machine. Without these rules it could create a function
//! and run it.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{HOST, HeaderMap, ORIGIN};

/// What a server is called by.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    pub(crate) listen: SocketAddr,
    /// Names of its own beside those that no page can have, such as that of a proxy in front.
    pub(crate) hosts: Vec<String>,
}

/// Why a request with these headers is refused, or `None`.
///
/// - A request with `Origin` comes from a page: no SDK and no command-line tool sends it.
/// - `Host` must be a name that no page of the internet can have. Such a page could otherwise point its own name at
///   this machine and read what it gets (DNS rebinding). That leaves addresses, `localhost` and names below it, and,
///   when the server listens to other machines, names without a dot, as machines on one network have them.
/// - The AWS SDKs write `sync-` before the host of `StartSyncExecution`.
pub(crate) fn refusal(headers: &HeaderMap, names: &Names) -> Option<String> {
    if let Some(origin) = headers.get(ORIGIN) {
        let origin = String::from_utf8_lossy(origin.as_bytes());
        return Some(format!(
            "requests of web pages are refused, and this one has the header Origin: {origin}"
        ));
    }
    host_refusal(headers, names)
}

/// As [`refusal`], but pages of this server itself may call.
///
/// - A browser names the page's server in `Origin`, which no page can change. It is this server if it is the one that
///   the request is for: `Host`, which must be ours, and its port.
/// - Of what an application serves, pages by a host of their own have another origin, and pages by a path
///   (`/execute-api/`, `/lambda-url/`) are told to have none.
pub(crate) fn page_refusal(headers: &HeaderMap, names: &Names) -> Option<String> {
    if is_own_page(headers) {
        return host_refusal(headers, names);
    }
    refusal(headers, names)
}

fn is_own_page(headers: &HeaderMap) -> bool {
    let text = |name| {
        let mut values = headers.get_all(name).iter();
        // One of each: with two it depends on the reader which is meant.
        let value = values.next().filter(|_| values.next().is_none())?;
        value.to_str().ok()
    };
    let (Some(origin), Some(host)) = (text(ORIGIN), text(HOST)) else {
        return false;
    };
    let named = ["http://", "https://"]
        .iter()
        .find_map(|scheme| origin.strip_prefix(scheme));
    named.is_some_and(|named| named.eq_ignore_ascii_case(host))
}

/// Why a request with this `Host` is refused, or `None`; web pages are not.
pub(crate) fn host_refusal(headers: &HeaderMap, names: &Names) -> Option<String> {
    // Browsers always send it; what comes without is a program.
    let host = String::from_utf8_lossy(headers.get(HOST)?.as_bytes());
    if is_ours(&host, names) {
        return None;
    }
    let allowed = if names.listen.ip().is_loopback() {
        "an IP address or localhost"
    } else {
        "an IP address, localhost, or a name without a dot"
    };
    Some(format!(
        "the header Host: {host} does not name this server; use {allowed}, or start it with --host"
    ))
}

/// Whether `ID.execute-api.REST` and `ID.lambda-url.REST` are ours.
///
/// - `rest`: `REGION.` and a name that is ours, or the name alone; names of AWS are taken too, for clients that are
///   told where to connect: no page can have one.
pub(crate) fn is_front(rest: &str, names: &Names) -> bool {
    let after_region = rest.split_once('.').map_or("", |(_, after)| after);
    let is_aws = [".amazonaws.com", ".on.aws"]
        .iter()
        .any(|suffix| rest.ends_with(suffix));
    is_aws || is_ours(rest, names) || is_ours(after_region, names)
}

fn is_ours(host: &str, names: &Names) -> bool {
    let host = host.strip_prefix("sync-").unwrap_or(host);
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    if name.parse::<IpAddr>().is_ok() {
        return true;
    }
    let name = name.to_ascii_lowercase();
    let is_local = name == "localhost" || name.ends_with(".localhost");
    let is_neighbour = !names.listen.ip().is_loopback() && !name.is_empty() && !name.contains('.');
    let is_named = names
        .hosts
        .iter()
        .any(|host| host.eq_ignore_ascii_case(&name));
    is_local || is_neighbour || is_named
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn names(listen: &str) -> Names {
        Names {
            listen: listen.parse().expect("an address"),
            hosts: vec!["flows.example.com".to_string()],
        }
    }

    fn is_refused(listen: &str, host: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
        refusal(&headers, &names(listen)).is_some()
    }

    #[test]
    fn a_page_of_this_server_may_call_and_no_other_one() {
        let names = names("127.0.0.1:8333");
        let is_refused = |given: &[(hyper::header::HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in given {
                headers.append(name, HeaderValue::from_static(value));
            }
            page_refusal(&headers, &names).is_some()
        };
        for (origin, host) in [
            ("http://127.0.0.1:8333", "127.0.0.1:8333"),
            ("http://LOCALHOST:8333", "localhost:8333"),
            ("http://[::1]:8333", "[::1]:8333"),
            ("https://localhost", "localhost"),
        ] {
            assert!(!is_refused(&[(ORIGIN, origin), (HOST, host)]), "{origin}");
        }
        for (origin, host) in [
            // Another port, another name, a page of a function's URL or of a sandbox, an extension.
            ("http://127.0.0.1:3000", "127.0.0.1:8333"),
            ("http://localhost:8333", "127.0.0.1:8333"),
            (
                "http://u1.lambda-url.us-east-1.localhost:8333",
                "localhost:8333",
            ),
            ("null", "127.0.0.1:8333"),
            ("127.0.0.1:8333", "127.0.0.1:8333"),
            ("chrome-extension://127.0.0.1:8333", "127.0.0.1:8333"),
            // A page whose name was pointed at this machine.
            ("http://evil.example:8333", "evil.example:8333"),
            ("", ""),
        ] {
            assert!(is_refused(&[(ORIGIN, origin), (HOST, host)]), "{origin}");
        }
        let own = (ORIGIN, "http://localhost:8333");
        assert!(is_refused(std::slice::from_ref(&own)));
        assert!(is_refused(&[own.clone(), own, (HOST, "localhost:8333")]));
        assert!(!is_refused(&[(HOST, "localhost:8333")]), "a program");
    }

    #[test]
    fn only_names_that_no_page_can_have_are_answered() {
        for host in [
            "localhost",
            "LOCALHOST:8333",
            "127.0.0.1:8333",
            "[::1]:8333",
            "10.0.0.7",
            "sync-localhost:8333",
            "sync-127.0.0.1:8333",
            "states.localhost:8333",
            "flows.example.com",
            "Flows.Example.com:443",
            "sync-flows.example.com",
        ] {
            assert!(!is_refused("127.0.0.1:8333", host), "{host}");
            assert!(!is_refused("0.0.0.0:8333", host), "{host}");
        }
        for host in [
            "evil.example",
            "flows.example.com.evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8333",
            "sync-evil.example",
            "",
        ] {
            assert!(is_refused("127.0.0.1:8333", host), "{host}");
            assert!(is_refused("0.0.0.0:8333", host), "{host}");
        }
        assert!(is_refused("127.0.0.1:8333", "stepwell:8333"));
        assert!(!is_refused("0.0.0.0:8333", "stepwell:8333"));
    }
}
