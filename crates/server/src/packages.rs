//! Packages of functions, where `GetFunction` says they are.

use stepwell_api::Reply;

use crate::access::PACKAGES;
use crate::http::{Services, json};

/// What `/packages/ID.zip` names.
pub(crate) fn id_of(path: &str) -> Option<&str> {
    path.strip_prefix(PACKAGES)?.strip_suffix(".zip")
}

/// The package that `GetFunction` gives a location for.
pub(crate) fn reply(services: &Services, package: &str, request_id: &str) -> Reply {
    let is_id = package.len() == 64 && package.bytes().all(|byte| byte.is_ascii_hexdigit());
    let reader = services.functions.handle.reader();
    let found = is_id.then(|| tokio::task::block_in_place(|| reader.package(package)));
    match found {
        Some(Ok(zip)) => Reply {
            status: 200,
            headers: vec![
                ("x-amzn-requestid", request_id.to_string()),
                ("content-type", "application/zip".to_string()),
            ],
            body: zip,
        },
        _ => json(
            404,
            &serde_json::json!({ "message": format!("there is no package '{package}'") }),
            request_id,
        ),
    }
}
