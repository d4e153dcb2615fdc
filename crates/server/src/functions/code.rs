//! Packages in requests.

use stepwell_api::lambda;
use stepwell_service::FunctionCode;

/// A package from a request: a zip that can be unpacked, named by its hash.
pub(super) fn code_of(
    zip: Option<Vec<u8>>,
    is_s3: bool,
    is_image: bool,
) -> Result<FunctionCode, lambda::Error> {
    if is_s3 {
        return Err(lambda::Error::not_implemented(
            "Stepwell does not implement code from S3 yet; send it as ZipFile",
        ));
    }
    if is_image {
        return Err(lambda::Error::not_implemented(
            "Stepwell does not implement container images",
        ));
    }
    let zip = zip.ok_or_else(|| {
        lambda::Error::invalid_parameter_value_exception(
            "Please provide a source for function code.",
        )
    })?;
    stepwell_functions::package::check(&zip).map_err(|error| {
        lambda::Error::invalid_parameter_value_exception(format!("Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"))
    })?;
    Ok(FunctionCode {
        package: stepwell_functions::package::id(&zip).as_str().to_string(),
        code_sha256: stepwell_functions::package::code_sha256(&zip),
        zip,
    })
}
