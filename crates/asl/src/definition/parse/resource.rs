//! What a Task's `Resource` may name.

use super::actions::Actions;
use crate::definition::{Pattern, Resource};

/// Patterns that an optimized integration knows beside request-response.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Patterns {
    sync: bool,
    sync_2: bool,
    token: bool,
}

const PLAIN: Patterns = Patterns {
    sync: false,
    sync_2: false,
    token: false,
};
const SYNC: Patterns = Patterns {
    sync: true,
    ..PLAIN
};
const TOKEN: Patterns = Patterns {
    token: true,
    ..PLAIN
};
const SYNC_TOKEN: Patterns = Patterns {
    sync: true,
    token: true,
    ..PLAIN
};
const ALL: Patterns = Patterns {
    sync: true,
    sync_2: true,
    token: true,
};

/// Optimized integrations: service, action, patterns (developer guide, "Integrating optimized services").
const OPTIMIZED: &[(&str, &str, Patterns)] = &[
    ("apigateway", "invoke", TOKEN),
    ("athena", "getQueryExecution", PLAIN),
    ("athena", "getQueryResults", PLAIN),
    ("athena", "startQueryExecution", SYNC),
    ("athena", "stopQueryExecution", PLAIN),
    ("batch", "submitJob", SYNC),
    ("bedrock", "createModelCustomizationJob", SYNC_TOKEN),
    ("bedrock", "invokeModel", SYNC_TOKEN),
    ("bedrock-agentcore", "invokeHarness", PLAIN),
    ("bedrockagentcore", "invokeHarness", PLAIN),
    ("codebuild", "batchDeleteBuilds", PLAIN),
    ("codebuild", "batchGetReports", PLAIN),
    ("codebuild", "deleteBuildBatch", PLAIN),
    ("codebuild", "retryBuildBatch", SYNC),
    ("codebuild", "startBuild", SYNC),
    ("codebuild", "startBuildBatch", SYNC),
    ("codebuild", "stopBuild", PLAIN),
    ("codebuild", "stopBuildBatch", PLAIN),
    ("databrew", "startJobRun", SYNC),
    ("dynamodb", "deleteItem", PLAIN),
    ("dynamodb", "getItem", PLAIN),
    ("dynamodb", "putItem", PLAIN),
    ("dynamodb", "updateItem", PLAIN),
    ("ecs", "runTask", SYNC_TOKEN),
    ("eks", "call", TOKEN),
    ("eks", "createCluster", SYNC),
    ("eks", "createFargateProfile", SYNC),
    ("eks", "createNodegroup", SYNC),
    ("eks", "deleteCluster", SYNC),
    ("eks", "deleteFargateProfile", SYNC),
    ("eks", "deleteNodegroup", SYNC),
    ("eks", "runJob", SYNC_TOKEN),
    ("elasticmapreduce", "addStep", SYNC),
    ("elasticmapreduce", "cancelStep", PLAIN),
    ("elasticmapreduce", "createCluster", SYNC),
    ("elasticmapreduce", "modifyInstanceFleetByName", PLAIN),
    ("elasticmapreduce", "modifyInstanceGroupByName", PLAIN),
    ("elasticmapreduce", "setClusterTerminationProtection", PLAIN),
    ("elasticmapreduce", "terminateCluster", SYNC),
    ("emr-containers", "createVirtualCluster", PLAIN),
    ("emr-containers", "deleteVirtualCluster", SYNC),
    ("emr-containers", "startJobRun", SYNC),
    ("emr-serverless", "cancelJobRun", SYNC),
    ("emr-serverless", "createApplication", SYNC),
    ("emr-serverless", "deleteApplication", SYNC),
    ("emr-serverless", "startApplication", SYNC),
    ("emr-serverless", "startJobRun", SYNC),
    ("emr-serverless", "stopApplication", SYNC),
    ("events", "putEvents", TOKEN),
    ("glue", "startJobRun", SYNC),
    ("http", "invoke", PLAIN),
    ("lambda", "invoke", TOKEN),
    ("mediaconvert", "createJob", SYNC),
    ("sagemaker", "createEndpoint", PLAIN),
    ("sagemaker", "createEndpointConfig", PLAIN),
    ("sagemaker", "createHyperParameterTuningJob", SYNC),
    ("sagemaker", "createLabelingJob", SYNC),
    ("sagemaker", "createModel", PLAIN),
    ("sagemaker", "createProcessingJob", SYNC),
    ("sagemaker", "createTrainingJob", SYNC),
    ("sagemaker", "createTransformJob", SYNC),
    ("sagemaker", "updateEndpoint", PLAIN),
    ("sns", "publish", TOKEN),
    ("sqs", "sendMessage", TOKEN),
    ("states", "startExecution", ALL),
];

/// The service part of `arn:aws:states:::aws-sdk:sfn:startExecution`, before the SDK's own service name.
const SDK: &str = "aws-sdk";

/// What `arn` names, or `None` when AWS would not recognise it.
pub(super) fn parse(arn: &str, actions: &mut Actions) -> Option<Resource> {
    let mut parts = arn.splitn(6, ':');
    let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, rest) = (parts.next()?, parts.next()?, parts.next()?);
    if prefix != "arn" || partition.is_empty() {
        return None;
    }
    match (service, region.is_empty() && account.is_empty()) {
        ("lambda", false) => function(arn, rest),
        ("states", false) => activity(arn, rest),
        ("states", true) => integration(arn, rest, actions),
        _ => None,
    }
}

/// `function:NAME` or `function:NAME:QUALIFIER`.
fn function(arn: &str, rest: &str) -> Option<Resource> {
    let mut parts = rest.split(':');
    let is_function = parts.next() == Some("function");
    let names: Vec<&str> = parts.collect();
    let is_named = matches!(names.len(), 1 | 2) && names.iter().all(|name| is_function_name(name));
    (is_function && is_named).then(|| Resource::Function {
        arn: arn.to_owned(),
    })
}

fn is_function_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '$' | '.'))
}

fn activity(arn: &str, rest: &str) -> Option<Resource> {
    let name = rest.strip_prefix("activity:")?;
    (!name.is_empty() && !name.contains(':')).then(|| Resource::Activity {
        arn: arn.to_owned(),
    })
}

fn integration(arn: &str, rest: &str, actions: &mut Actions) -> Option<Resource> {
    let (call, pattern) = split_pattern(rest);
    let (service, action) = call.rsplit_once(':')?;
    let is_known = match service.split_once(':') {
        Some((SDK, sdk_service)) => is_sdk_pattern(pattern) && actions.has(sdk_service, action),
        Some(_) => false,
        None => OPTIMIZED
            .iter()
            .any(|row| row.0 == service && row.1 == action && allows(row.2, pattern)),
    };
    is_known.then(|| Resource::Integration {
        arn: arn.to_owned(),
        service: service.to_owned(),
        action: action.to_owned(),
        pattern,
    })
}

fn split_pattern(rest: &str) -> (&str, Pattern) {
    [Pattern::WaitForTaskToken, Pattern::Sync2, Pattern::Sync]
        .into_iter()
        .find_map(|pattern| {
            rest.strip_suffix(pattern.suffix())
                .map(|call| (call, pattern))
        })
        .unwrap_or((rest, Pattern::RequestResponse))
}

fn allows(patterns: Patterns, pattern: Pattern) -> bool {
    match pattern {
        Pattern::RequestResponse => true,
        Pattern::Sync => patterns.sync,
        Pattern::Sync2 => patterns.sync_2,
        Pattern::WaitForTaskToken => patterns.token,
    }
}

/// AWS SDK integrations have no `.sync` (developer guide, "Integrating optimized services").
fn is_sdk_pattern(pattern: Pattern) -> bool {
    matches!(
        pattern,
        Pattern::RequestResponse | Pattern::WaitForTaskToken
    )
}

#[cfg(test)]
mod tests {
    use super::{OPTIMIZED, Patterns};
    use crate::definition::Pattern;

    const PAGE: &str = include_str!("../../../../../docs/integrations.md");

    fn row(service: &str, action: &str, patterns: Patterns) -> String {
        let known = [
            (patterns.sync, Pattern::Sync),
            (patterns.sync_2, Pattern::Sync2),
            (patterns.token, Pattern::WaitForTaskToken),
        ];
        let known = known.iter().filter(|(is_known, _)| *is_known);
        let known: Vec<String> = known
            .map(|(_, pattern)| format!("`{}`", pattern.suffix()))
            .collect();
        format!("| `{service}:{action}` | {} |\n", known.join(", "))
    }

    #[test]
    fn the_page_on_integrations_lists_the_optimized_ones() {
        let rows = OPTIMIZED
            .iter()
            .map(|(service, action, patterns)| row(service, action, *patterns));
        let table: String = rows.collect();
        assert!(
            PAGE.ends_with(&table),
            "docs/integrations.md should end with\n{table}"
        );
    }
}
