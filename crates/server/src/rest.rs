//! Which of the services that are bound to paths a request is for.

use stepwell_api::xray;

/// A service whose operations are told apart by method and path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RestService {
    Lambda,
    Scheduler,
    /// API Gateway, REST APIs.
    RestApis,
    /// API Gateway, HTTP APIs.
    HttpApis,
    /// X-Ray: an operation's own path, one segment long.
    Xray,
}

/// The service that a path belongs to; Lambda where it belongs to none.
///
/// AWS: an address tells services apart. Here all share one, and the first segment does; for `/tags/{arn}` the ARN does.
pub(crate) fn service_of(path: &str) -> RestService {
    let mut segments = path.trim_start_matches('/').splitn(2, '/');
    let first = segments.next().unwrap_or_default();
    match first {
        "v2" => RestService::HttpApis,
        "restapis"
        | "account"
        | "apikeys"
        | "clientcertificates"
        | "domainnames"
        | "domainnameaccessassociations"
        | "sdktypes"
        | "usageplans"
        | "vpclinks" => RestService::RestApis,
        "schedules" | "schedule-groups" => RestService::Scheduler,
        _ if is_xray(path) => RestService::Xray,
        "tags" => tagged(segments.next().unwrap_or_default()),
        _ => RestService::Lambda,
    }
}

/// X-Ray names its operations by paths of one segment that begins with a capital.
fn is_xray(path: &str) -> bool {
    // Seen at once: to find no operation takes a look at all of them, and every request of Lambda asks.
    !path.trim_matches('/').contains('/') && xray::route("POST", path).is_ok()
}

/// - `arn`: as it stands in the path; its colons may be escaped.
fn tagged(arn: &str) -> RestService {
    let arn = arn.replace("%3A", ":").replace("%3a", ":");
    match arn.split(':').nth(2) {
        Some("scheduler") => RestService::Scheduler,
        Some("apigateway") => RestService::RestApis,
        _ => RestService::Lambda,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_service() {
        for (path, service) in [
            ("/restapis/abc/stages", RestService::RestApis),
            ("/v2/apis", RestService::HttpApis),
            ("/v2/tags/arn%3Aaws", RestService::HttpApis),
            ("/schedules", RestService::Scheduler),
            ("/schedule-groups/g", RestService::Scheduler),
            (
                "/tags/arn:aws:scheduler:us-east-1:123456789012:schedule-group%2Fg",
                RestService::Scheduler,
            ),
            (
                "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fa",
                RestService::RestApis,
            ),
            ("/2015-03-31/functions/", RestService::Lambda),
            ("/2017-03-31/tags/arn%3Aaws%3Alambda", RestService::Lambda),
            ("/TraceSegments", RestService::Xray),
            ("/Traces", RestService::Xray),
            ("/TagResource", RestService::Xray),
            ("/tags", RestService::Lambda),
            ("/", RestService::Lambda),
            ("", RestService::Lambda),
        ] {
            assert_eq!(service_of(path), service, "{path}");
        }
    }
}
