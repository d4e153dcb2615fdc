//! `cargo xtask codegen`: shapes of the AWS wire in Rust and TypeScript from the committed model facts, and the
//! names of the actions that tasks may call from the committed catalogue.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{read, root};

mod catalogue;
mod errors;
mod model;
mod names;
mod pattern;
mod refresh;
mod rust;
mod shapes;
mod typescript;

use model::{Model, Protocol};

/// A service of which shapes are generated.
pub struct Service {
    /// Name of the file in `model/`.
    pub model: &'static str,
    /// Folder of the service in the botocore package.
    pub package_folder: &'static str,
    /// Name of the generated module.
    pub module: &'static str,
    /// The service's name in error texts.
    pub said: &'static str,
    /// How requests and replies are written.
    pub protocol: Protocol,
    /// `Content-Type` of replies; JSON only.
    pub content_type: &'static str,
    /// What stands before `#` in the names of the model's errors; empty where AWS gives the bare name.
    pub error_namespace: &'static str,
    /// The error code of a request that breaks a constraint.
    pub violation: &'static str,
    /// Operations whose shapes are kept; empty keeps all.
    pub served: &'static [&'static str],
}

/// AWS: Step Functions' own errors carry this namespace.
const STATES_NAMESPACE: &str = "com.amazonaws.swf.service.v2.model";

/// The services, in order of generation.
pub const SERVICES: [Service; 11] = [
    Service {
        model: "stepfunctions",
        package_folder: "stepfunctions/2016-11-23",
        module: "states",
        said: "Step Functions",
        protocol: Protocol::Json,
        content_type: "application/x-amz-json-1.0",
        error_namespace: STATES_NAMESPACE,
        violation: "ConstraintViolation",
        served: &[],
    },
    Service {
        model: "lambda",
        package_folder: "lambda/2015-03-31",
        module: "lambda",
        said: "Lambda",
        protocol: Protocol::Rest,
        content_type: "",
        error_namespace: STATES_NAMESPACE,
        violation: "ConstraintViolation",
        served: &[
            "AddLayerVersionPermission",
            "AddPermission",
            "CreateAlias",
            "CreateEventSourceMapping",
            "CreateFunction",
            "CreateFunctionUrlConfig",
            "DeleteAlias",
            "DeleteEventSourceMapping",
            "DeleteFunction",
            "DeleteFunctionConcurrency",
            "DeleteFunctionEventInvokeConfig",
            "DeleteFunctionUrlConfig",
            "DeleteLayerVersion",
            "DeleteProvisionedConcurrencyConfig",
            "GetAccountSettings",
            "GetAlias",
            "GetEventSourceMapping",
            "GetFunction",
            "GetFunctionCodeSigningConfig",
            "GetFunctionConcurrency",
            "GetFunctionConfiguration",
            "GetFunctionEventInvokeConfig",
            "GetFunctionRecursionConfig",
            "GetFunctionUrlConfig",
            "GetLayerVersion",
            "GetLayerVersionByArn",
            "GetLayerVersionPolicy",
            "GetPolicy",
            "GetProvisionedConcurrencyConfig",
            "GetRuntimeManagementConfig",
            "Invoke",
            "InvokeAsync",
            "InvokeWithResponseStream",
            "ListAliases",
            "ListEventSourceMappings",
            "ListFunctionEventInvokeConfigs",
            "ListFunctionUrlConfigs",
            "ListFunctions",
            "ListLayerVersions",
            "ListLayers",
            "ListProvisionedConcurrencyConfigs",
            "ListTags",
            "ListVersionsByFunction",
            "PublishLayerVersion",
            "PublishVersion",
            "PutFunctionConcurrency",
            "PutFunctionEventInvokeConfig",
            "PutFunctionRecursionConfig",
            "PutProvisionedConcurrencyConfig",
            "PutRuntimeManagementConfig",
            "RemoveLayerVersionPermission",
            "RemovePermission",
            "TagResource",
            "UntagResource",
            "UpdateAlias",
            "UpdateEventSourceMapping",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
            "UpdateFunctionEventInvokeConfig",
            "UpdateFunctionUrlConfig",
        ],
    },
    Service {
        model: "logs",
        package_folder: "logs/2014-03-28",
        module: "logs",
        said: "CloudWatch Logs",
        protocol: Protocol::Json,
        content_type: "application/x-amz-json-1.1",
        error_namespace: "",
        violation: "InvalidParameterException",
        served: &[
            "CreateLogGroup",
            "CreateLogStream",
            "DeleteLogGroup",
            "DeleteLogStream",
            "DeleteMetricFilter",
            "DeleteQueryDefinition",
            "DeleteResourcePolicy",
            "DeleteRetentionPolicy",
            "DeleteSubscriptionFilter",
            "DescribeLogGroups",
            "DescribeLogStreams",
            "DescribeMetricFilters",
            "DescribeQueries",
            "DescribeQueryDefinitions",
            "DescribeResourcePolicies",
            "DescribeSubscriptionFilters",
            "FilterLogEvents",
            "GetLogEvents",
            "GetLogGroupFields",
            "GetLogRecord",
            "GetQueryResults",
            "ListLogGroups",
            "ListTagsForResource",
            "ListTagsLogGroup",
            "PutLogEvents",
            "PutMetricFilter",
            "PutQueryDefinition",
            "PutResourcePolicy",
            "PutRetentionPolicy",
            "PutSubscriptionFilter",
            "StartLiveTail",
            "StartQuery",
            "StopQuery",
            "TagLogGroup",
            "TagResource",
            "TestMetricFilter",
            "UntagLogGroup",
            "UntagResource",
        ],
    },
    Service {
        model: "iam",
        package_folder: "iam/2010-05-08",
        module: "iam",
        said: "IAM",
        protocol: Protocol::Query,
        content_type: "",
        error_namespace: "",
        violation: "ConstraintViolation",
        served: &[
            "AttachRolePolicy",
            "CreatePolicy",
            "CreateRole",
            "DeletePolicy",
            "DeleteRole",
            "DeleteRolePolicy",
            "DetachRolePolicy",
            "GetPolicy",
            "GetPolicyVersion",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
            "ListInstanceProfilesForRole",
            "ListPolicies",
            "ListPolicyTags",
            "ListPolicyVersions",
            "ListRolePolicies",
            "ListRoleTags",
            "ListRoles",
            "PutRolePolicy",
            "TagPolicy",
            "TagRole",
            "UntagPolicy",
            "UntagRole",
            "UpdateAssumeRolePolicy",
            "UpdateRole",
        ],
    },
    Service {
        model: "sts",
        package_folder: "sts/2011-06-15",
        module: "sts",
        said: "STS",
        protocol: Protocol::Query,
        content_type: "",
        error_namespace: "",
        violation: "ConstraintViolation",
        served: &["AssumeRole", "GetCallerIdentity"],
    },
    Service {
        model: "events",
        package_folder: "events/2015-10-07",
        module: "events",
        said: "EventBridge",
        protocol: Protocol::Json,
        content_type: "application/x-amz-json-1.1",
        error_namespace: "",
        violation: "ConstraintViolation",
        served: &[
            "CreateApiDestination",
            "CreateConnection",
            "CreateEventBus",
            "DeauthorizeConnection",
            "DeleteApiDestination",
            "DeleteConnection",
            "DeleteEventBus",
            "DeleteRule",
            "DescribeApiDestination",
            "DescribeConnection",
            "DescribeEventBus",
            "DescribeRule",
            "DisableRule",
            "EnableRule",
            "ListApiDestinations",
            "ListConnections",
            "ListEventBuses",
            "ListRuleNamesByTarget",
            "ListRules",
            "ListTagsForResource",
            "ListTargetsByRule",
            "PutEvents",
            "PutPermission",
            "PutRule",
            "PutTargets",
            "RemovePermission",
            "RemoveTargets",
            "TagResource",
            "TestEventPattern",
            "UntagResource",
            "UpdateApiDestination",
            "UpdateConnection",
            "UpdateEventBus",
        ],
    },
    Service {
        model: "scheduler",
        package_folder: "scheduler/2021-06-30",
        module: "scheduler",
        said: "EventBridge Scheduler",
        protocol: Protocol::Rest,
        content_type: "",
        error_namespace: "",
        violation: "ConstraintViolation",
        served: &[],
    },
    Service {
        model: "apigateway",
        package_folder: "apigateway/2015-07-09",
        module: "apigateway",
        said: "API Gateway",
        protocol: Protocol::Rest,
        content_type: "",
        error_namespace: "",
        violation: "ConstraintViolation",
        served: &[
            "CreateDeployment",
            "CreateStage",
            "DeleteDeployment",
            "DeleteRestApi",
            "DeleteStage",
            "GetDeployments",
            "GetExport",
            "GetResources",
            "GetRestApi",
            "GetRestApis",
            "GetStage",
            "GetStages",
            "GetTags",
            "ImportRestApi",
            "PutRestApi",
            "TagResource",
            "UntagResource",
        ],
    },
    Service {
        model: "apigatewayv2",
        package_folder: "apigatewayv2/2018-11-29",
        module: "apigatewayv2",
        said: "API Gateway",
        protocol: Protocol::Rest,
        content_type: "",
        error_namespace: "",
        violation: "ConstraintViolation",
        served: &[
            "CreateStage",
            "DeleteApi",
            "DeleteStage",
            "GetApi",
            "GetApis",
            "GetIntegrations",
            "GetRoutes",
            "GetStage",
            "GetStages",
            "GetTags",
            "ImportApi",
            "ReimportApi",
            "TagResource",
            "UntagResource",
            "UpdateStage",
        ],
    },
    Service {
        model: "xray",
        package_folder: "xray/2016-04-12",
        module: "xray",
        said: "X-Ray",
        protocol: Protocol::Rest,
        content_type: "",
        error_namespace: "",
        violation: "InvalidRequestException",
        served: &[],
    },
    Service {
        model: "cloudwatch",
        package_folder: "cloudwatch/2010-08-01",
        module: "cloudwatch",
        said: "CloudWatch",
        protocol: Protocol::Rpc,
        content_type: "application/x-amz-json-1.0",
        error_namespace: "com.amazonaws.cloudwatch",
        violation: "ConstraintViolation",
        served: &[
            "DeleteAlarms",
            "DeleteDashboards",
            "DescribeAlarmHistory",
            "DescribeAlarms",
            "DescribeAlarmsForMetric",
            "DisableAlarmActions",
            "EnableAlarmActions",
            "GetDashboard",
            "GetMetricData",
            "GetMetricStatistics",
            "ListDashboards",
            "ListMetrics",
            "ListTagsForResource",
            "PutCompositeAlarm",
            "PutDashboard",
            "PutMetricAlarm",
            "PutMetricData",
            "SetAlarmState",
            "TagResource",
            "UntagResource",
        ],
    },
];

/// Writes the generated files.
pub fn write() -> Result<()> {
    for (path, text) in generate()? {
        if std::fs::read(&path).is_ok_and(|old| old == text) {
            println!("unchanged {}", path.display());
            continue;
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// Fails if a generated file is not what the model gives.
pub fn check() -> Result<()> {
    for (path, text) in generate()? {
        ensure!(
            std::fs::read(&path).is_ok_and(|committed| committed == text),
            "{} is not what its source gives; run `cargo xtask codegen`",
            path.display()
        );
    }
    println!("generated files are up to date");
    Ok(())
}

/// Takes new models and a new catalogue from the botocore package, then writes the generated files.
pub fn refresh() -> Result<()> {
    refresh::run()?;
    write()
}

fn generate() -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let shapes = SERVICES.iter().map(generate_service);
    shapes
        .chain([catalogue::actions(), console_types()])
        .collect()
}

/// The types of the wire that the console uses.
fn console_types() -> Result<(PathBuf, Vec<u8>)> {
    let path = root().join("console/src/api/generated.ts");
    Ok((path, typescript::module()?.into_bytes()))
}

fn read_model(service: &Service) -> Result<Model> {
    let source = root().join("model").join(format!("{}.json", service.model));
    serde_json::from_str(&read(&source)?)
        .with_context(|| format!("cannot read the model {}", source.display()))
}

fn generate_service(service: &Service) -> Result<(PathBuf, Vec<u8>)> {
    let model = read_model(service)?;
    let text = rust::module(service, &model)
        .with_context(|| format!("cannot generate from model/{}.json", service.model))?;
    let path = root().join(format!("crates/api/src/generated/{}.rs", service.module));
    Ok((path, formatted(&text)?.into_bytes()))
}

fn formatted(text: &str) -> Result<String> {
    let mut rustfmt = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot run rustfmt; `rustup component add rustfmt` installs it")?;
    let mut stdin = rustfmt.stdin.take().expect("stdin is piped");
    let text = text.to_owned();
    // Writing beside reading: either pipe may fill up first.
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = rustfmt.wait_with_output().context("rustfmt did not end")?;
    let written = writer.join().expect("the writer does not panic");
    if !output.status.success() {
        bail!("rustfmt refuses the generated text: {}", output.status);
    }
    written.context("cannot write to rustfmt")?;
    String::from_utf8(output.stdout).context("rustfmt wrote no UTF-8")
}

#[cfg(test)]
mod tests {
    #[test]
    fn generated_files_are_what_the_model_gives() {
        super::check().expect("regenerating changes nothing");
    }
}
