//! Optimized integrations that call no service of the SDK: their parameters, written as the catalogue
//! writes services.

/// AWS: developer guide, "Create API Gateway REST APIs with Step Functions".
const API_GATEWAY: &str = "invoke - {ApiEndpoint!=t Method!=t Headers=o Stage=t Path=t \
    QueryParameters=o RequestBody=o AllowNullValues=b AuthType=t}\n";

/// AWS: developer guide, "Call HTTPS APIs in Step Functions workflows".
const HTTP: &str = "invoke - {ApiEndpoint!=t Method!=t Authentication={ConnectionArn=t} \
    InvocationConfig={ConnectionArn=t} Headers=o QueryParameters=o RequestBody=o \
    Transform={RequestBodyEncoding=t RequestEncodingOptions={ArrayFormat=t}}}\n";

/// Names that no service of the SDK has.
pub(super) const API_GATEWAY_NAME: &str = "apigateway:invoke";
pub(super) const HTTP_NAME: &str = "http:invoke";

/// The text of one of them.
pub(super) fn text(name: &str) -> Option<&'static str> {
    match name {
        API_GATEWAY_NAME => Some(API_GATEWAY),
        HTTP_NAME => Some(HTTP),
        _ => None,
    }
}
