//! `stepwell access-key NAME`: a new access key, as a section of the file that `serve --access-keys` reads.

use serde_json::json;

use crate::{Verdict, arguments::NewAccessKey, credentials, embedded::AccessKey, terminal};

pub fn run(arguments: &NewAccessKey, is_json: bool) -> anyhow::Result<Verdict> {
    let key = AccessKey::new(&arguments.name);
    key.check().map_err(anyhow::Error::msg)?;
    if is_json {
        terminal::put_json(&json!({
            "userName": key.user,
            "accessKeyId": key.id,
            "secretAccessKey": key.secret,
        }));
    } else {
        terminal::put_line(credentials::section(&key).trim_end());
    }
    Ok(Verdict::Well)
}
