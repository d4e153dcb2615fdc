//! Which action of which service a task's resource calls, and where its result comes from.

use super::name::Naming;
use super::own;

/// A resource of a task, taken apart.
pub(super) struct Integration<'a> {
    /// As in the resource: `lambda`, `elasticmapreduce`, or the service of `aws-sdk:SERVICE`.
    pub(super) service: &'a str,
    pub(super) action: &'a str,
    pub(super) pattern: Pattern,
    pub(super) naming: Naming,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    RequestResponse,
    Sync,
    Sync2,
    WaitForTaskToken,
}

/// An action of the catalogue.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) service: &'a str,
    pub(super) action: &'a str,
    /// Members that hold any JSON, because Step Functions writes or reads their text.
    pub(super) free: &'static [&'static str],
}

/// Optimized integrations that are called otherwise than their service in the SDK.
const SERVICES: [(&str, &str); 5] = [
    ("elasticmapreduce", "emr"),
    ("emr-containers", "emrcontainers"),
    ("emr-serverless", "emrserverless"),
    ("events", "eventbridge"),
    ("states", "sfn"),
];

/// Actions that are called otherwise than in the service: integration, its action, the service's.
const ACTIONS: [(&str, &str, &str); 6] = [
    ("elasticmapreduce", "addStep", "addJobFlowSteps"),
    ("elasticmapreduce", "cancelStep", "cancelSteps"),
    ("elasticmapreduce", "createCluster", "runJobFlow"),
    (
        "elasticmapreduce",
        "modifyInstanceFleetByName",
        "modifyInstanceFleet",
    ),
    (
        "elasticmapreduce",
        "modifyInstanceGroupByName",
        "modifyInstanceGroups",
    ),
    ("elasticmapreduce", "terminateCluster", "terminateJobFlows"),
];

/// AWS: the result of a job is what the service says about it at its end (developer guide, the page
/// of each integration): integration, action, action that is polled.
const POLLED: [(&str, &str, &str); 36] = [
    ("athena", "startQueryExecution", "getQueryExecution"),
    ("batch", "submitJob", "describeJobs"),
    (
        "bedrock",
        "createModelCustomizationJob",
        "getModelCustomizationJob",
    ),
    ("codebuild", "retryBuild", "batchGetBuilds"),
    ("codebuild", "retryBuildBatch", "batchGetBuildBatches"),
    ("codebuild", "startBuild", "batchGetBuilds"),
    ("codebuild", "startBuildBatch", "batchGetBuildBatches"),
    ("databrew", "startJobRun", "describeJobRun"),
    ("ecs", "runTask", "describeTasks"),
    ("eks", "createCluster", "describeCluster"),
    ("eks", "createFargateProfile", "describeFargateProfile"),
    ("eks", "createNodegroup", "describeNodegroup"),
    ("eks", "deleteCluster", "describeCluster"),
    ("eks", "deleteFargateProfile", "describeFargateProfile"),
    ("eks", "deleteNodegroup", "describeNodegroup"),
    ("elasticmapreduce", "addStep", "describeStep"),
    ("elasticmapreduce", "createCluster", "describeCluster"),
    ("elasticmapreduce", "terminateCluster", "describeCluster"),
    (
        "emr-containers",
        "deleteVirtualCluster",
        "describeVirtualCluster",
    ),
    ("emr-containers", "startJobRun", "describeJobRun"),
    ("emr-serverless", "cancelJobRun", "getJobRun"),
    ("emr-serverless", "createApplication", "getApplication"),
    ("emr-serverless", "deleteApplication", "getApplication"),
    ("emr-serverless", "startApplication", "getApplication"),
    ("emr-serverless", "startJobRun", "getJobRun"),
    ("emr-serverless", "stopApplication", "getApplication"),
    ("glue", "startJobRun", "getJobRun"),
    ("mediaconvert", "createJob", "getJob"),
    (
        "sagemaker",
        "createHyperParameterTuningJob",
        "describeHyperParameterTuningJob",
    ),
    ("sagemaker", "createLabelingJob", "describeLabelingJob"),
    ("sagemaker", "createProcessingJob", "describeProcessingJob"),
    ("sagemaker", "createTrainingJob", "describeTrainingJob"),
    ("sagemaker", "createTransformJob", "describeTransformJob"),
    ("sagemaker", "createEndpoint", "describeEndpoint"),
    ("sagemaker", "updateEndpoint", "describeEndpoint"),
    ("states", "startExecution", "describeExecution"),
];

/// Optimized integrations that take the parameters of the action that they call: integration, action
/// or all, members that Step Functions turns into text. Others have parameters of their own.
const PARAMETERS: [(&str, &str, &[&str]); 13] = [
    ("apigateway", "invoke", &[]),
    ("athena", "", &[]),
    ("batch", "submitJob", &[]),
    ("codebuild", "", &[]),
    ("dynamodb", "", &[]),
    ("ecs", "runTask", &[]),
    ("events", "putEvents", &[]),
    ("glue", "startJobRun", &[]),
    ("http", "invoke", &[]),
    ("lambda", "invoke", &["Payload"]),
    ("sns", "publish", &["Message"]),
    ("sqs", "sendMessage", &["MessageBody"]),
    ("states", "startExecution", &["Input"]),
];

/// AWS: results that no service model describes: the reply of somebody's API.
const WITHOUT_MODEL: [(&str, &str); 4] = [
    ("apigateway", "invoke"),
    ("eks", "call"),
    ("eks", "runJob"),
    ("http", "invoke"),
];

/// What an ARN of the form `arn:PARTITION:states:::SERVICE:ACTION[.PATTERN]` names; `None` for
/// functions, activities and whatever else is not such a call.
pub(super) fn parse(resource: &str) -> Option<Integration<'_>> {
    let (partition, call) = resource.strip_prefix("arn:")?.split_once(":states:::")?;
    if partition.contains(':') {
        return None;
    }
    let (call, pattern) = [
        (".sync:2", Pattern::Sync2),
        (".sync", Pattern::Sync),
        (".waitForTaskToken", Pattern::WaitForTaskToken),
    ]
    .into_iter()
    .find_map(|(suffix, pattern)| Some((call.strip_suffix(suffix)?, pattern)))
    .unwrap_or((call, Pattern::RequestResponse));
    let (call, naming) = call
        .strip_prefix("aws-sdk:")
        .map_or((call, Naming::Optimized), |call| (call, Naming::Sdk));
    let (service, action) = call.split_once(':')?;
    Some(Integration {
        service,
        action,
        pattern,
        naming,
    })
}

impl<'a> Integration<'a> {
    /// Where the result comes from; `None` where no service model describes it.
    pub(super) fn result(&self) -> Option<Target<'a>> {
        let is_callback = self.pattern == Pattern::WaitForTaskToken;
        if is_callback || WITHOUT_MODEL.contains(&(self.service, self.action)) {
            return None;
        }
        if self.naming == Naming::Sdk {
            return Some(Target {
                service: self.service,
                action: self.action,
                free: &[],
            });
        }
        let action = match self.pattern {
            Pattern::Sync | Pattern::Sync2 => polled(self.service, self.action)?,
            Pattern::RequestResponse | Pattern::WaitForTaskToken => {
                called(self.service, self.action)
            }
        };
        Some(Target {
            service: called_service(self.service, self.action),
            action,
            free: self.free(),
        })
    }

    /// What is called, where its model describes the parameters of the task.
    pub(super) fn target(&self) -> Option<Target<'a>> {
        if self.naming == Naming::Sdk {
            return Some(Target {
                service: self.service,
                action: self.action,
                free: &[],
            });
        }
        let row = PARAMETERS
            .iter()
            .find(|row| row.0 == self.service && (row.1 == self.action || row.1.is_empty()))?;
        Some(Target {
            service: called_service(self.service, self.action),
            action: called(self.service, self.action),
            free: row.2,
        })
    }

    fn free(&self) -> &'static [&'static str] {
        match (self.service, self.action, self.pattern) {
            ("lambda", "invoke", _) => &["Payload"],
            ("bedrock", "invokeModel", _) => &["Body"],
            ("states", "startExecution", Pattern::Sync2) => &["Input", "Output"],
            _ => &[],
        }
    }
}

fn called_service<'a>(service: &'a str, action: &str) -> &'a str {
    match (service, action) {
        ("apigateway", "invoke") => own::API_GATEWAY_NAME,
        ("bedrock", "invokeModel") => "bedrockruntime",
        ("http", "invoke") => own::HTTP_NAME,
        _ => {
            let row = SERVICES.iter().find(|row| row.0 == service);
            row.map_or(service, |row| row.1)
        }
    }
}

fn called<'a>(service: &str, action: &'a str) -> &'a str {
    let row = ACTIONS
        .iter()
        .find(|row| row.0 == service && row.1 == action);
    row.map_or(action, |row| row.2)
}

fn polled(service: &str, action: &str) -> Option<&'static str> {
    let row = POLLED
        .iter()
        .find(|row| row.0 == service && row.1 == action);
    row.map(|row| row.2)
}

#[cfg(test)]
mod tests {
    use super::{ACTIONS, POLLED, Target, called_service, parse};
    use crate::catalogue::Service;

    #[track_caller]
    fn check(resource: &str, service: &str, action: &str, free: &'static [&'static str]) {
        let integration = parse(resource).expect("it is a call");
        let source = Target {
            service,
            action,
            free,
        };
        assert_eq!(integration.result(), Some(source));
    }

    #[test]
    fn a_result_comes_from_the_action_or_from_what_is_polled() {
        check(
            "arn:aws:states:::aws-sdk:sfn:startExecution",
            "sfn",
            "startExecution",
            &[],
        );
        check(
            "arn:aws:states:::states:startExecution",
            "sfn",
            "startExecution",
            &[],
        );
        check(
            "arn:aws:states:::states:startExecution.sync",
            "sfn",
            "describeExecution",
            &[],
        );
        check(
            "arn:aws:states:::states:startExecution.sync:2",
            "sfn",
            "describeExecution",
            &["Input", "Output"],
        );
        check(
            "arn:aws-cn:states:::elasticmapreduce:cancelStep",
            "emr",
            "cancelSteps",
            &[],
        );
    }

    #[test]
    fn what_no_model_describes_has_no_source() {
        for resource in [
            "arn:aws:states:::http:invoke",
            "arn:aws:states:::apigateway:invoke",
            "arn:aws:states:::eks:runJob.sync",
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        ] {
            let integration = parse(resource).expect("it is a call");
            assert_eq!(integration.result(), None);
        }
        for resource in [
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "arn:aws:states:us-east-1:123456789012:activity:a",
        ] {
            assert!(parse(resource).is_none());
        }
    }

    #[test]
    fn every_named_action_is_in_the_catalogue() {
        for (integration, _, action) in ACTIONS.iter().chain(&POLLED) {
            let service = called_service(integration, action);
            let known = Service::find(service).is_some_and(|service| service.has(action));
            assert!(known, "{service}:{action}");
        }
    }
}
