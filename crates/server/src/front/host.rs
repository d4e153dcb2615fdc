//! Which API or function URL a request calls: by its host, or by the beginning of its path.

use hyper::Request;
use hyper::header::HOST;

use crate::caller::{self, Names};

/// What is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Api,
    Url,
}

/// A call of an API or of a function's URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Called {
    pub(crate) kind: Kind,
    pub(crate) id: String,
    /// What follows, as it was sent; begins with `/`.
    pub(crate) path: String,
    /// The host that names it; `None` where the path does.
    host: Option<String>,
}

const HOSTS: [(&str, Kind); 2] = [(".execute-api.", Kind::Api), (".lambda-url.", Kind::Url)];
const PATHS: [(&str, Kind); 2] = [("/execute-api/", Kind::Api), ("/lambda-url/", Kind::Url)];

impl Called {
    /// Whether a path names what is called, so that it shares its origin with this server.
    pub(crate) fn is_by_path(&self) -> bool {
        self.host.is_none()
    }

    /// The host as events show it.
    pub(crate) fn domain(&self, region: &str) -> String {
        let marker = match self.kind {
            Kind::Api => "execute-api",
            Kind::Url => "lambda-url",
        };
        match &self.host {
            Some(host) => host.clone(),
            None => format!("{}.{marker}.{region}.localhost", self.id),
        }
    }
}

/// The API or the URL that a request calls; `None` where it calls AWS, or comes by a host that is not ours.
///
/// Web pages may call: that is what both are for, and CORS says what they may read. Hosts are held to the rules of
/// [`caller`] all the same.
pub(crate) fn called<B>(request: &Request<B>, names: &Names) -> Option<Called> {
    let path = request.uri().path();
    let host = match request.headers().get(HOST) {
        Some(host) => host.to_str().ok()?,
        None => "",
    };
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let name = name.to_ascii_lowercase();
    for (marker, kind) in HOSTS {
        let Some((id, rest)) = name.split_once(marker) else {
            continue;
        };
        if !is_id(id) || !caller::is_front(rest, names) {
            return None;
        }
        return Some(Called {
            kind,
            id: id.to_string(),
            path: path.to_string(),
            host: Some(name),
        });
    }
    let (prefix, kind) = PATHS.iter().find(|(prefix, _)| path.starts_with(prefix))?;
    caller::host_refusal(request.headers(), names)
        .is_none()
        .then_some(())?;
    let rest = &path[prefix.len()..];
    let (id, path) = match rest.split_once('/') {
        Some((id, path)) => (id, format!("/{path}")),
        None => (rest, "/".to_string()),
    };
    is_id(id).then(|| Called {
        kind: *kind,
        id: id.to_string(),
        path,
        host: None,
    })
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called_by(host: &str, path: &str) -> Option<(Kind, String, String)> {
        let request = Request::get(path)
            .header("host", host)
            .header("origin", "http://page.example");
        let request = request.body(()).expect("a request");
        let names = Names {
            listen: "127.0.0.1:8333".parse().expect("an address"),
            hosts: vec!["flows.example.com".to_string()],
        };
        let called = called(&request, &names)?;
        Some((called.kind, called.id, called.path))
    }

    #[test]
    fn hosts_and_paths_name_what_is_called() {
        let some = |kind, id: &str, path: &str| Some((kind, id.to_string(), path.to_string()));
        for (host, path, expected) in [
            (
                "abc.execute-api.us-east-1.localhost:8333",
                "/prod/a%20b",
                some(Kind::Api, "abc", "/prod/a%20b"),
            ),
            (
                "ABC.execute-api.localhost",
                "/",
                some(Kind::Api, "abc", "/"),
            ),
            (
                "abc.execute-api.us-east-1.amazonaws.com",
                "/x",
                some(Kind::Api, "abc", "/x"),
            ),
            (
                "u1.lambda-url.us-east-1.on.aws",
                "/",
                some(Kind::Url, "u1", "/"),
            ),
            (
                "127.0.0.1:8333",
                "/execute-api/abc/prod/x",
                some(Kind::Api, "abc", "/prod/x"),
            ),
            ("localhost", "/lambda-url/u1", some(Kind::Url, "u1", "/")),
            ("[::1]:8333", "/lambda-url/u1/", some(Kind::Url, "u1", "/")),
            (
                "abc.execute-api.us-east-1.flows.example.com",
                "/prod",
                some(Kind::Api, "abc", "/prod"),
            ),
            // Not ours, or nothing that is called here.
            ("abc.execute-api.evil.example", "/prod", None),
            ("abc.execute-api.amazonaws.com.evil.example", "/prod", None),
            ("evil.example", "/execute-api/abc/prod", None),
            (".execute-api.localhost", "/", None),
            ("a.b.execute-api.localhost", "/", None),
            ("127.0.0.1", "/execute-api/", None),
            ("127.0.0.1", "/execute-api/a.b/", None),
            ("127.0.0.1", "/", None),
            ("127.0.0.1", "/2015-03-31/functions", None),
        ] {
            assert_eq!(called_by(host, path), expected, "{host} {path}");
        }
    }
}
