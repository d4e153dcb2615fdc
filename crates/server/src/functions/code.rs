//! Packages in requests.

use stepwell_api::lambda;
use stepwell_service::FunctionCode;

/// Where a request says that a package is.
pub(super) struct Source {
    pub(super) zip: Option<stepwell_api::Blob>,
    pub(super) is_s3: bool,
    pub(super) is_image: bool,
}

/// A package from a request: a zip that can be unpacked, named by its hash.
///
/// Checking and hashing 50 MB takes its time: call it where that may be.
pub(super) fn code_of(source: Source) -> Result<FunctionCode, lambda::Error> {
    if source.is_s3 {
        return Err(lambda::Error::not_implemented(
            "Stepwell does not implement code from S3 yet; send it as ZipFile",
        ));
    }
    if source.is_image {
        return Err(lambda::Error::not_implemented(
            "Stepwell does not implement container images",
        ));
    }
    let zip = source.zip.map(|blob| blob.0).ok_or_else(|| {
        lambda::Error::invalid_parameter_value_exception(
            "Please provide a source for function code.",
        )
    })?;
    let unzipped_bytes = stepwell_functions::package::check(&zip).map_err(|error| {
        lambda::Error::invalid_parameter_value_exception(format!("Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"))
    })?;
    Ok(FunctionCode {
        package: stepwell_functions::package::id(&zip).as_str().to_string(),
        code_sha256: stepwell_functions::package::code_sha256(&zip),
        unzipped_bytes,
        zip,
    })
}
