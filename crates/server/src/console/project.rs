//! What the console's start page shows: stacks, and of a command that serves an application its sample events.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepwell_api::states;
use stepwell_service::{Reader, Stack, StackResource};
use stepwell_store::Error;

/// Bytes of a sample that is shown; a larger one has its name only. AWS: an input has at most 256 KiB.
const SAMPLE_BYTES_MAX: u64 = 256 << 10;

/// Samples, and their bytes together.
const SAMPLES_MAX: usize = 100;
const SAMPLES_BYTES_MAX: u64 = 2 << 20;

/// State machines whose definitions are compared with the samples.
const MACHINES_MAX: usize = 50;

/// An application that the server was started for.
#[derive(Debug, Clone)]
pub struct Project {
    pub directory: PathBuf,
    pub stack: String,
    pub template: PathBuf,
    /// Whether every save is deployed.
    pub is_watching: bool,
    /// The application's sample events, the plainest first.
    pub samples: fn(&Path) -> Vec<PathBuf>,
}

/// The answer, as it is now.
pub(crate) fn shown(project: Option<&Project>, reader: &Reader) -> Result<Value, Error> {
    let stacks = reader.stacks()?;
    let Some(project) = project else {
        return Ok(json!({ "project": null, "stacks": stacks, "samples": [] }));
    };
    let targets = targets(project, &stacks, reader)?;
    let name = |path: &Path| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    Ok(json!({
        "project": {
            "directory": project.directory.canonicalize().ok().as_deref().and_then(name),
            "stack": project.stack,
            "template": name(&project.template),
            "isWatching": project.is_watching,
        },
        "stacks": stacks,
        "samples": samples(project, &targets),
    }))
}

/// Something that a sample may be an input of.
struct Target {
    arn: String,
    /// Its names, in lower case, letters and digits alone.
    names: Vec<String>,
    /// The members of its input that its definition names.
    members: Vec<String>,
    is_machine: bool,
}

fn targets(project: &Project, stacks: &[Stack], reader: &Reader) -> Result<Vec<Target>, Error> {
    let own = stacks.iter().filter(|stack| stack.name == project.stack);
    let resources = own.flat_map(|stack| &stack.resources);
    let (mut targets, mut read) = (Vec::new(), 0);
    for resource in resources {
        let Some(arn) = resource.arn.clone() else {
            continue;
        };
        let is_machine = resource.r#type == "AWS::StepFunctions::StateMachine";
        if !is_machine && resource.r#type != "AWS::Lambda::Function" {
            continue;
        }
        let members = match is_machine && read < MACHINES_MAX {
            true => {
                read += 1;
                members_of(&definition(reader, &arn)?)
            }
            false => Vec::new(),
        };
        targets.push(Target {
            names: names(resource),
            arn,
            members,
            is_machine,
        });
    }
    Ok(targets)
}

fn definition(reader: &Reader, arn: &str) -> Result<String, Error> {
    let input = states::DescribeStateMachineInput {
        state_machine_arn: arn.to_string(),
        ..Default::default()
    };
    let described = reader.describe_state_machine(&input)?;
    Ok(described
        .map(|described| described.definition)
        .unwrap_or_default())
}

fn names(resource: &StackResource) -> Vec<String> {
    let names = [&resource.name, &resource.logical_id];
    names
        .into_iter()
        .map(|name| plain(name))
        .filter(|name| name.len() > 2)
        .collect()
}

fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.collect::<String>().to_ascii_lowercase()
}

/// What a definition's paths and expressions begin with.
const ROOTS: [&str; 3] = ["$.", "$states.input.", "$states.context.Execution.Input."];

/// Names of members that a definition reads of what its states get: most of it comes from the execution's input.
fn members_of(definition: &str) -> Vec<String> {
    // What is left of the context object is no input.
    let definition = definition
        .replace("$$.Execution.Input.", "$.")
        .replace("$$.", "");
    let mut members: Vec<String> = ROOTS
        .iter()
        .flat_map(|root| definition.split(root).skip(1))
        .map(|rest| {
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            rest[..end.unwrap_or(rest.len())].to_string()
        })
        .filter(|name| !name.is_empty())
        .collect();
    members.sort();
    members.dedup();
    members
}

fn samples(project: &Project, targets: &[Target]) -> Vec<Value> {
    let mut bytes_left = SAMPLES_BYTES_MAX;
    let paths = (project.samples)(&project.directory);
    let samples = paths.iter().take(SAMPLES_MAX).map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = std::fs::metadata(path).map(|file| file.len()).unwrap_or_default();
        if size > SAMPLE_BYTES_MAX.min(bytes_left) {
            let problem = format!("{size} bytes are too many to show here");
            return json!({ "name": name, "size": size, "content": null, "problem": problem, "fits": [] });
        }
        bytes_left -= size;
        let read = std::fs::read_to_string(path).map_err(|error| error.to_string());
        let parsed = read.and_then(|text| match serde_json::from_str::<Value>(&text) {
            Ok(value) => Ok((text, value)),
            Err(error) => Err(format!("it is no JSON: {error}")),
        });
        match parsed {
            Ok((text, value)) => {
                let fits = fits(&name, &value, targets);
                json!({ "name": name, "size": size, "content": text, "fits": fits })
            }
            Err(problem) => {
                json!({ "name": name, "size": size, "content": null, "problem": problem, "fits": [] })
            }
        }
    });
    samples.collect()
}

/// ARNs of what a sample is likely an input of, the likeliest first.
///
/// - A name that the sample's name has counts most, then how many of the sample's members a definition reads.
/// - The only state machine takes every sample that nothing else is likelier for.
fn fits<'t>(name: &str, sample: &Value, targets: &'t [Target]) -> Vec<&'t str> {
    /// More than any number of members.
    const NAMED: usize = 1_000;
    let stem = plain(name.strip_suffix(".json").unwrap_or(name));
    let members = sample.as_object();
    let is_only = targets.iter().filter(|target| target.is_machine).count() == 1;
    let mut likely: Vec<(usize, &Target)> = targets
        .iter()
        .map(|target| {
            let is_named = target.names.iter().any(|name| stem.contains(name.as_str()));
            let read = members.map_or(0, |members| {
                let names = target.members.iter();
                names.filter(|name| members.contains_key(*name)).count()
            });
            let alone = usize::from(is_only && target.is_machine);
            (NAMED * usize::from(is_named) + 2 * read + alone, target)
        })
        .filter(|(likely, _)| *likely > 0)
        .collect();
    likely.sort_by_key(|(likely, _)| std::cmp::Reverse(*likely));
    likely
        .into_iter()
        .map(|(_, target)| target.arn.as_str())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str, definition: &str) -> Target {
        Target {
            arn: name.to_string(),
            names: vec![plain(name)],
            members: members_of(definition),
            is_machine: true,
        }
    }

    #[test]
    fn a_sample_fits_what_reads_its_members_or_has_its_name() {
        let orders = machine(
            "Orders",
            r#"{"a": "$.orderId", "b.$": "$.items[0]", "c": "$$.Execution.Input.card"}"#,
        );
        let incidents = machine("Incidents", r#""{% $states.input.detail.alarmName %}""#);
        assert_eq!(orders.members, ["card", "items", "orderId"]);
        assert_eq!(incidents.members, ["detail"]);
        let function = Target {
            arn: "charge".to_string(),
            names: vec!["chargecard".to_string()],
            members: Vec::new(),
            is_machine: false,
        };
        let targets = [incidents, orders, function];
        let order = json!({ "orderId": 1, "items": [] });
        assert_eq!(fits("paid.json", &order, &targets), ["Orders"]);
        assert_eq!(
            fits("alarm.json", &json!({ "detail": {} }), &targets),
            ["Incidents"]
        );
        assert_eq!(
            fits("charge-card.json", &order, &targets),
            ["charge", "Orders"]
        );
        assert_eq!(fits("other.json", &json!([1]), &targets), [""; 0]);
        assert_eq!(fits("other.json", &json!([1]), &targets[1..]), ["Orders"]);
    }
}
