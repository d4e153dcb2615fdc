//! `GetCallerIdentity`: which account this server stands for. Clients ask it before anything else.

use stepwell_api::Reply;

/// The answer to a query-protocol body; `None` when it asks for something else.
pub(crate) fn answer(body: &[u8], account: &str, request_id: &str) -> Option<Reply> {
    let text = std::str::from_utf8(body).ok()?;
    if !text
        .split('&')
        .any(|pair| pair == "Action=GetCallerIdentity")
    {
        return None;
    }
    let xml = format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{account}:root</Arn><UserId>{account}</UserId><Account>{account}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    );
    Some(Reply {
        status: 200,
        headers: vec![
            ("x-amzn-requestid", request_id.to_string()),
            ("content-type", "text/xml".to_string()),
        ],
        body: xml.into_bytes(),
    })
}

/// The action that a query-protocol body asks for.
pub(crate) fn action(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    text.split('&')
        .find_map(|pair| pair.strip_prefix("Action="))
        .map(str::to_string)
}
