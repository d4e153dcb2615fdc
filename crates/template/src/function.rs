//! `AWS::Serverless::Function` and `AWS::Lambda::Function`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::node::Node;
use crate::problem::Location;
use crate::properties::Properties;
use crate::resource::Resource;
use crate::scope::Scope;

/// AWS: seconds a function may run, and the default.
const TIMEOUT_SECONDS: std::ops::RangeInclusive<u32> = 1..=900;
const TIMEOUT_SECONDS_DEFAULT: u32 = 3;

/// AWS: megabytes of memory, and the default.
const MEMORY_MB: std::ops::RangeInclusive<u32> = 128..=10_240;
const MEMORY_MB_DEFAULT: u32 = 128;

const IMAGES_UNSUPPORTED: &str =
    "functions in container images are not supported, use a zip or a directory";

/// A Lambda function as the template describes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Function {
    /// The resource's name in the template.
    pub logical_id: String,
    /// `FunctionName`, else `stack-LogicalId`. AWS appends a random suffix; here there is none.
    pub name: String,
    /// The function's ARN, without a qualifier.
    pub arn: String,
    /// Where the code is.
    pub code: Code,
    /// `file.export`, relative to the code.
    pub handler: String,
    /// Such as `nodejs22.x`; not checked here.
    pub runtime: String,
    /// 1 to 900, default 3.
    pub timeout_seconds: u32,
    /// 128 to 10240, default 128.
    pub memory_mb: u32,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// How the code is built; `None` when the template does not say.
    pub build: Option<Build>,
    /// ARNs of layers.
    pub layers: Vec<String>,
    /// Default `PassThrough`.
    pub tracing: Tracing,
    /// Tags of the function.
    pub tags: BTreeMap<String, String>,
    /// `Description`.
    pub description: Option<String>,
    /// ARN of the role; a made-up one where SAM would create it.
    pub role: String,
    /// Further members of `CreateFunction`, in its shape: `DeadLetterConfig`, `EphemeralStorage`, `LoggingConfig`.
    pub more: serde_json::Map<String, serde_json::Value>,
    /// `ReservedConcurrentExecutions`; 0 means that the function is switched off.
    pub reserved_concurrency: Option<u32>,
    /// `x86_64` or `arm64`.
    pub architectures: Vec<String>,
    /// Where the resource stands.
    pub location: Location,
}

/// Where a function's code is. Paths are as the template has them: relative to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Code {
    /// A directory.
    Directory(String),
    /// A `.zip` or `.jar` file.
    ZipFile(String),
    /// The source itself.
    Inline(String),
    /// An object in S3.
    S3 {
        /// Name of the bucket.
        bucket: String,
        /// Key of the object.
        key: String,
        /// Version of the object, if a certain one is meant.
        version: Option<String>,
    },
}

/// `Metadata` of a SAM function: how `sam build` builds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Build {
    /// `BuildMethod`, such as `esbuild` or `makefile`.
    pub method: String,
    /// `BuildProperties` as written, functions evaluated; an empty object when absent.
    pub properties: serde_json::Value,
}

/// Whether a function records traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Tracing {
    /// Every call may be traced.
    Active,
    /// Only calls that come with a sampled trace header.
    PassThrough,
}

/// Reads a function; `None` when a problem was reported that leaves no function.
pub(crate) fn read(
    resource: &Resource,
    properties: &Properties<'_>,
    scope: &Scope<'_>,
) -> Option<Function> {
    let is_sam = resource.kind == "AWS::Serverless::Function";
    refuse_image(properties)?;
    let code = if is_sam {
        serverless_code(properties)
    } else {
        lambda_code(properties)
    };
    let code = code.map(|code| local(code, scope));
    let handler = properties.required_text("Handler");
    let runtime = properties.required_text("Runtime");
    let environment = properties.child("Environment");
    if let Some(environment) = &environment {
        environment.warn_unknown(&["Variables"]);
    }
    let role = properties.text("Role");
    if !properties.has("Role") {
        properties.missing("Role");
    }
    let named = scope
        .names
        .get(&resource.id)
        .expect("invariant: every resource has a name");
    let timeout = properties.integer("Timeout", TIMEOUT_SECONDS);
    let memory = properties.integer("MemorySize", MEMORY_MB);
    let tracing = tracing(properties, is_sam);
    let environment = environment.map(|environment| environment.text_map("Variables"));
    let layers = properties.texts("Layers");
    let tags = if is_sam {
        properties.text_map("Tags")
    } else {
        properties.tag_list("Tags")
    };
    let reserved_concurrency = properties.integer("ReservedConcurrentExecutions", 0..=u32::MAX);
    let architectures = properties.texts("Architectures");
    let build = build(resource, scope);
    Some(Function {
        logical_id: resource.id.clone(),
        name: named.name.clone(),
        arn: named.arn(&scope.pseudo),
        code: code?,
        handler: handler?,
        runtime: runtime?,
        timeout_seconds: timeout.unwrap_or(TIMEOUT_SECONDS_DEFAULT),
        memory_mb: memory.unwrap_or(MEMORY_MB_DEFAULT),
        environment: environment.unwrap_or_default(),
        build,
        layers,
        tracing,
        tags,
        description: properties.text("Description"),
        role: role.unwrap_or_default(),
        more: more(properties, is_sam),
        reserved_concurrency,
        architectures: if architectures.is_empty() {
            vec!["x86_64".to_owned()]
        } else {
            architectures
        },
        location: scope.problems.location(resource.at),
    })
}

/// Members that go to the API as they are.
fn more(properties: &Properties<'_>, is_sam: bool) -> serde_json::Map<String, serde_json::Value> {
    let mut more = serde_json::Map::new();
    for (name, known) in [
        ("EphemeralStorage", &["Size"][..]),
        (
            "LoggingConfig",
            &[
                "ApplicationLogLevel",
                "LogFormat",
                "LogGroup",
                "SystemLogLevel",
            ],
        ),
    ] {
        if let Some(child) = properties.child(name) {
            child.warn_unknown(known);
            more.extend(properties.json(name).map(|value| (name.to_owned(), value)));
        }
    }
    if let Some(size) = more
        .get_mut("EphemeralStorage")
        .and_then(|storage| storage.get_mut("Size"))
    {
        // CloudFormation takes "512" for 512.
        if let Some(number) = size.as_str().and_then(|text| text.parse::<u32>().ok()) {
            *size = number.into();
        }
    }
    let queue = if is_sam {
        properties.child("DeadLetterQueue")
    } else {
        properties.child("DeadLetterConfig")
    };
    if let Some(queue) = queue {
        if is_sam {
            queue.word("Type", &["SQS", "SNS"]);
        }
        let target = queue.required_text("TargetArn");
        let config = target.map(|arn| serde_json::json!({ "TargetArn": arn }));
        more.extend(config.map(|config| ("DeadLetterConfig".to_owned(), config)));
    }
    more
}

/// `None` for a function in a container image, which has been reported.
fn refuse_image(properties: &Properties<'_>) -> Option<()> {
    let name = if properties.has("ImageUri") {
        "ImageUri"
    } else if properties.text("PackageType").as_deref() == Some("Image") {
        "PackageType"
    } else {
        return Some(());
    };
    let at = properties.get(name).map_or(properties.at, |node| node.at);
    properties.fail(name, at, IMAGES_UNSUPPORTED);
    None
}

fn tracing(properties: &Properties<'_>, is_sam: bool) -> Tracing {
    let mode = if is_sam {
        properties.word("Tracing", &["Active", "PassThrough", "Disabled"])
    } else {
        let config = properties.child("TracingConfig");
        config.and_then(|config| config.word("Mode", &["Active", "PassThrough"]))
    };
    if mode == Some("Active") {
        Tracing::Active
    } else {
        Tracing::PassThrough
    }
}

/// `InlineCode`, or `CodeUri` as a path, an S3 address or `{Bucket, Key, Version}`.
fn serverless_code(properties: &Properties<'_>) -> Option<Code> {
    if properties.has("InlineCode") {
        return properties.text("InlineCode").map(Code::Inline);
    }
    if !properties.has("CodeUri") {
        properties.missing("CodeUri");
        return None;
    }
    let node = properties.get("CodeUri")?;
    match node.as_text() {
        Some(path) => Some(path_code(path)),
        None => s3_code(&properties.child("CodeUri")?, ["Bucket", "Key", "Version"]),
    }
}

/// A local path (as for `aws cloudformation package`), `ZipFile` with source, or an S3 object.
fn lambda_code(properties: &Properties<'_>) -> Option<Code> {
    if !properties.has("Code") {
        properties.missing("Code");
        return None;
    }
    if let Some(path) = properties.get("Code")?.as_text() {
        return Some(path_code(path));
    }
    let code = properties.child("Code")?;
    if code.has("ZipFile") {
        return code.text("ZipFile").map(Code::Inline);
    }
    if let Some(image) = code.get("ImageUri") {
        code.fail("ImageUri", image.at, IMAGES_UNSUPPORTED);
        return None;
    }
    s3_code(&code, ["S3Bucket", "S3Key", "S3ObjectVersion"])
}

fn s3_code(code: &Properties<'_>, [bucket, key, version]: [&str; 3]) -> Option<Code> {
    let (bucket, key) = (code.required_text(bucket), code.required_text(key));
    Some(Code::S3 {
        bucket: bucket?,
        key: key?,
        version: code.text(version),
    })
}

/// An object in S3 that `cdk synth` has left beside the template is the file or directory it was made from.
fn local(code: Code, scope: &Scope<'_>) -> Code {
    match &code {
        Code::S3 { key, .. } => match scope.assets.get(key) {
            Some(path) => path_code(path),
            None => code,
        },
        _ => code,
    }
}

fn path_code(path: &str) -> Code {
    if let Some((bucket, key)) = path
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
    {
        return Code::S3 {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: None,
        };
    }
    match path.rsplit_once('.') {
        Some((_, "zip" | "jar")) => Code::ZipFile(path.to_owned()),
        _ => Code::Directory(path.to_owned()),
    }
}

fn build(resource: &Resource, scope: &Scope<'_>) -> Option<Build> {
    let mut place = resource.place().join("Metadata");
    let metadata = scope.evaluate(resource.metadata.as_ref()?, &mut place)?;
    let reader = Properties::new(&metadata, metadata.at, place, scope.problems);
    let method = reader.text("BuildMethod")?;
    let properties = reader.child("BuildProperties");
    Some(Build {
        method,
        properties: match properties {
            Some(_) => metadata
                .get("BuildProperties")
                .map(Node::to_json)
                .unwrap_or_default(),
            None => serde_json::Value::Object(serde_json::Map::new()),
        },
    })
}
