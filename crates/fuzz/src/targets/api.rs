//! Requests: bodies after the model's own shapes, paths of Lambda, names and ARNs.

use serde_json::{Map, Value, json};
use stepwell_api::arn::{
    ActivityArn, ExecutionArn, FunctionArn, MapRunArn, Scope, StateMachineArn, check_name,
};
use stepwell_api::{Input, Item, Location, Node, Shape, lambda, states};

use crate::Target;
use crate::corpus::Corpus;
use crate::draw::Draw;

pub static TARGET: Target = Target {
    name: "api",
    generate,
    read,
};

/// Most elements of a list, and most repetitions of a pattern's piece, that are written on purpose.
const REPETITIONS_MAX: usize = 4;

const PIECES: [&str; 24] = [
    "arn:aws:states:us-east-1:123456789012:stateMachine:m",
    "arn:aws:states:us-east-1:123456789012:execution:m:e",
    "arn:aws:states:us-east-1:123456789012:express:m:e:0e0e",
    ":",
    "/",
    "null",
    "[]",
    "{}",
    "\"",
    "%2F",
    "%ff",
    "%",
    "?",
    "&",
    "=",
    "+",
    "\"maxResults\":",
    "\"name\":",
    "2015-03-31/functions/",
    "$LATEST",
    "e30=",
    "\"payload\"",
    "1e3",
    "\\ud83d",
];

/// An operation whose request can be decoded.
struct Face {
    name: &'static str,
    shape: &'static Shape,
    /// Reads a request: what stands before the body, and the body.
    decode: fn(&lambda::Routed, &[u8]),
}

const fn states_face<T: Input>(name: &'static str) -> Face {
    Face {
        name,
        shape: T::SHAPE,
        decode: |_, body| {
            if let Err(error) = states::decode::<T>(body) {
                assert_eq!(error.reply("id").status, 400, "{error}");
            }
        },
    }
}

const fn lambda_face<T: Input>(name: &'static str) -> Face {
    Face {
        name,
        shape: T::SHAPE,
        decode: |routed, body| {
            let header = |name: &str| name.ends_with("type").then(|| "RequestResponse".to_owned());
            if let Err(error) = lambda::decode::<T, _>(routed, &header, body.to_vec()) {
                assert_eq!(error.reply("id").status, 400, "{error}");
            }
        },
    }
}

const STATES: [Face; 37] = [
    states_face::<states::CreateActivityInput>("CreateActivity"),
    states_face::<states::CreateStateMachineInput>("CreateStateMachine"),
    states_face::<states::CreateStateMachineAliasInput>("CreateStateMachineAlias"),
    states_face::<states::DeleteActivityInput>("DeleteActivity"),
    states_face::<states::DeleteStateMachineInput>("DeleteStateMachine"),
    states_face::<states::DeleteStateMachineAliasInput>("DeleteStateMachineAlias"),
    states_face::<states::DeleteStateMachineVersionInput>("DeleteStateMachineVersion"),
    states_face::<states::DescribeActivityInput>("DescribeActivity"),
    states_face::<states::DescribeExecutionInput>("DescribeExecution"),
    states_face::<states::DescribeMapRunInput>("DescribeMapRun"),
    states_face::<states::DescribeStateMachineInput>("DescribeStateMachine"),
    states_face::<states::DescribeStateMachineAliasInput>("DescribeStateMachineAlias"),
    states_face::<states::DescribeStateMachineForExecutionInput>(
        "DescribeStateMachineForExecution",
    ),
    states_face::<states::GetActivityTaskInput>("GetActivityTask"),
    states_face::<states::GetExecutionHistoryInput>("GetExecutionHistory"),
    states_face::<states::ListActivitiesInput>("ListActivities"),
    states_face::<states::ListExecutionsInput>("ListExecutions"),
    states_face::<states::ListMapRunsInput>("ListMapRuns"),
    states_face::<states::ListStateMachineAliasesInput>("ListStateMachineAliases"),
    states_face::<states::ListStateMachineVersionsInput>("ListStateMachineVersions"),
    states_face::<states::ListStateMachinesInput>("ListStateMachines"),
    states_face::<states::ListTagsForResourceInput>("ListTagsForResource"),
    states_face::<states::PublishStateMachineVersionInput>("PublishStateMachineVersion"),
    states_face::<states::RedriveExecutionInput>("RedriveExecution"),
    states_face::<states::SendTaskFailureInput>("SendTaskFailure"),
    states_face::<states::SendTaskHeartbeatInput>("SendTaskHeartbeat"),
    states_face::<states::SendTaskSuccessInput>("SendTaskSuccess"),
    states_face::<states::StartExecutionInput>("StartExecution"),
    states_face::<states::StartSyncExecutionInput>("StartSyncExecution"),
    states_face::<states::StopExecutionInput>("StopExecution"),
    states_face::<states::TagResourceInput>("TagResource"),
    states_face::<states::TestStateInput>("TestState"),
    states_face::<states::UntagResourceInput>("UntagResource"),
    states_face::<states::UpdateMapRunInput>("UpdateMapRun"),
    states_face::<states::UpdateStateMachineInput>("UpdateStateMachine"),
    states_face::<states::UpdateStateMachineAliasInput>("UpdateStateMachineAlias"),
    states_face::<states::ValidateStateMachineDefinitionInput>("ValidateStateMachineDefinition"),
];

const LAMBDA: [Face; 8] = [
    lambda_face::<lambda::CreateFunctionRequest>("CreateFunction"),
    lambda_face::<lambda::DeleteFunctionRequest>("DeleteFunction"),
    lambda_face::<lambda::GetFunctionRequest>("GetFunction"),
    lambda_face::<lambda::GetFunctionConfigurationRequest>("GetFunctionConfiguration"),
    lambda_face::<lambda::InvocationRequest>("Invoke"),
    lambda_face::<lambda::ListFunctionsRequest>("ListFunctions"),
    lambda_face::<lambda::UpdateFunctionCodeRequest>("UpdateFunctionCode"),
    lambda_face::<lambda::UpdateFunctionConfigurationRequest>("UpdateFunctionConfiguration"),
];

/// The first line is what stands before a body: `AWSStepFunctions.NAME`, or method and target of Lambda.
fn generate(draw: &mut Draw, corpus: &Corpus) -> Vec<u8> {
    let request = match draw.below(4) {
        0 => corpus.text(draw).to_owned(),
        1 => {
            let face = draw.one_of(&LAMBDA.each_ref());
            let method = draw.one_of(&["GET", "POST", "PUT", "DELETE"]);
            let rest = draw.one_of(&[
                "",
                "/f",
                "/f/invocations",
                "/f/code",
                "/f/configuration",
                "/a:b:c?Qualifier=%41",
            ]);
            format!(
                "{method} /2015-03-31/functions{rest}\n{}",
                value(draw, face.shape)
            )
        }
        _ => {
            let face = draw.one_of(&STATES.each_ref());
            format!(
                "{}{}\n{}",
                states::TARGET_PREFIX,
                face.name,
                value(draw, face.shape)
            )
        }
    };
    if draw.once_in(3) {
        draw.mutated(&request, &PIECES, corpus).into_bytes()
    } else {
        request.into_bytes()
    }
}

/// A value of `shape`, sometimes of another.
fn value(draw: &mut Draw, shape: &Shape) -> Value {
    if draw.once_in(40) {
        return match draw.below(5) {
            0 => Value::Null,
            1 => json!([]),
            2 => json!({"a": {"b": 1}}),
            3 => serde_json::from_str(&draw.number()).unwrap_or_default(),
            _ => Value::from(draw.one_of(&PIECES)),
        };
    }
    match shape {
        Shape::Text(text) => Value::String(match text.pattern {
            _ if !text.values.is_empty() && !draw.once_in(8) => draw.one_of(text.values).to_owned(),
            Some(pattern) if !draw.once_in(4) => {
                let mut written = String::new();
                write(draw, &pattern.node, &mut written);
                written
            }
            _ if draw.once_in(6) => draw
                .one_of(&PIECES)
                .repeat(draw.one_of(&[1, 30, 300, 3_000])),
            _ => draw.one_of(&PIECES).to_owned(),
        }),
        Shape::Integer { .. } | Shape::Float { .. } | Shape::Timestamp => {
            serde_json::from_str(&draw.number()).unwrap_or_else(|_| json!(1))
        }
        Shape::Boolean => json!(draw.once_in(2)),
        Shape::Blob => json!("UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="),
        Shape::List { member, .. } => (0..draw.below(REPETITIONS_MAX))
            .map(|_| value(draw, member))
            .collect(),
        Shape::Map {
            key,
            value: content,
        } => {
            let members = (0..draw.below(REPETITIONS_MAX)).map(|_| {
                let name = value(draw, key).as_str().unwrap_or("k").to_owned();
                (name, value(draw, content))
            });
            Value::Object(members.collect())
        }
        Shape::Structure(members) => {
            let mut object = Map::new();
            for member in *members {
                if member.location == Location::Body
                    && (member.required || draw.once_in(2))
                    && !draw.once_in(12)
                {
                    object.insert(member.name.to_owned(), value(draw, member.shape));
                }
            }
            Value::Object(object)
        }
    }
}

/// A text that `node` matches, or nearly.
fn write(draw: &mut Draw, node: &Node, text: &mut String) {
    match node {
        Node::Class {
            negated: false,
            items,
        } if !items.is_empty() => {
            let at = draw.below(items.len());
            text.push(match items[at] {
                Item::Range(first, last) => {
                    let width = (last as u32).saturating_sub(first as u32) as usize;
                    char::from_u32(first as u32 + draw.below(width + 1) as u32).unwrap_or(first)
                }
                Item::Letters => 'é',
                Item::Separators => ' ',
                Item::Numbers => '7',
            });
        }
        Node::Class { .. } => text.push('x'),
        Node::Sequence(nodes) => nodes.iter().for_each(|node| write(draw, node, text)),
        Node::Alternatives(nodes) => {
            let at = draw.below(nodes.len());
            write(draw, &nodes[at], text);
        }
        Node::Repeat { node, min, max } => {
            let most = max.saturating_sub(*min) as usize;
            let extra = draw.below(most.min(REPETITIONS_MAX) + 1);
            let extra = if draw.once_in(50) {
                most.min(400)
            } else {
                extra
            };
            for _ in 0..*min as usize + extra {
                write(draw, node, text);
            }
        }
        Node::Ahead { .. } | Node::NotBehind(_) | Node::Start | Node::End => {}
    }
}

fn read(input: &[u8]) {
    let end = input
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(input.len());
    let head = String::from_utf8_lossy(&input[..end]);
    let body = input.get(end + 1..).unwrap_or_default();
    names(&head);
    names(&String::from_utf8_lossy(&body[..body.len().min(300)]));
    let nowhere = lambda::Routed {
        operation: lambda::Operation::Invoke,
        path: Vec::new(),
        query: Vec::new(),
    };
    if let Ok(operation) = states::operation(Some(&head)) {
        decode(&STATES, operation.name(), &nowhere, body);
    }
    let (method, target) = head.split_once(' ').unwrap_or(("POST", &head));
    match lambda::route(method, target) {
        Ok(routed) => decode(&LAMBDA, routed.operation.name(), &routed, body),
        Err(error) => assert_eq!(error.reply("id").status, 404, "{error}"),
    }
}

fn decode(faces: &[Face], operation: &str, routed: &lambda::Routed, body: &[u8]) {
    if let Some(face) = faces.iter().find(|face| face.name == operation) {
        (face.decode)(routed, body);
    }
}

/// Everything that reads one short text.
fn names(text: &str) {
    drop(check_name(text));
    drop(StateMachineArn::parse(text));
    drop(ExecutionArn::parse(text));
    drop(ExecutionArn::parse_standard(text));
    drop(ActivityArn::parse(text));
    drop(MapRunArn::parse(text));
    drop(FunctionArn::parse(text));
    drop(FunctionArn::resolve(
        &Scope::new("us-east-1", "123456789012"),
        text,
    ));
}

/// Operations of Step Functions that this target does not decode.
pub fn states_left_out() -> Vec<&'static str> {
    let names = states::Operation::ALL.map(states::Operation::name);
    names
        .into_iter()
        .filter(|name| STATES.iter().all(|face| face.name != *name))
        .collect()
}
