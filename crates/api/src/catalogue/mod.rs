//! The catalogue of AWS service actions: what a task may call, what comes back, what goes in.
//!
//! The facts come from the public service models and lie packed in `services.bin`, one deflated
//! text a service (`cargo xtask codegen --refresh`). A service is unpacked when it is asked for and
//! nothing is kept: whoever asks often keeps the [`Service`].

mod call;
mod integration;
mod mock;
mod name;
mod own;
mod parameters;
mod parse;

pub use call::ShownTimestamp;
pub use mock::{FieldValidation, check_mock_result};
pub use name::Naming;
pub use parameters::{ParameterCheck, parameter_problems};

/// An index, `NAME LENGTH` a line, an empty line, then the deflated texts in the order of the index.
const PACKED: &[u8] = include_bytes!("services.bin");

/// A service as the AWS SDK knows it.
pub struct Service {
    actions: Vec<Action>,
    shapes: Vec<Shape>,
}

/// An action of a service: the shape of its reply and of its request, where it has one.
struct Action {
    name: String,
    output: Option<ShapeId>,
    input: Option<ShapeId>,
}

/// Where a shape is in its service.
#[derive(Clone, Copy)]
struct ShapeId(usize);

/// What a value must be.
enum Shape {
    Structure { members: Vec<Member> },
    List { member: ShapeId, length: Bounds },
    Map { value: ShapeId },
    Text { length: Bounds },
    Enumeration { allowed: Vec<String> },
    Number { value: Bounds },
    Boolean,
    Blob { length: Bounds },
    Timestamp,
    Document,
}

/// A member of a structure, by its name in the service model.
struct Member {
    name: String,
    shape: ShapeId,
    is_required: bool,
}

/// Both are part of what is allowed.
#[derive(Clone, Copy, Default)]
struct Bounds {
    min: Option<f64>,
    max: Option<f64>,
}

impl Service {
    /// The service that Step Functions calls `name`, as in `arn:aws:states:::aws-sdk:NAME:ACTION`.
    pub fn find(name: &str) -> Option<Self> {
        let service = match own::text(name) {
            Some(text) => parse::service(text),
            None => parse::service(&unpack(name)?),
        };
        Some(service.expect("the packed catalogue was written by `cargo xtask codegen`"))
    }

    /// Whether tasks may call the action; it begins with a small letter.
    pub fn has(&self, action: &str) -> bool {
        self.action(action).is_some()
    }

    fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.name == name)
    }

    fn shape(&self, id: ShapeId) -> &Shape {
        &self.shapes[id.0]
    }
}

fn unpack(name: &str) -> Option<String> {
    let (index, blocks) = index();
    let mut start = 0;
    for line in index.lines() {
        let (service, length) = line.split_once(' ')?;
        let end = start + length.parse::<usize>().ok()?;
        if service == name {
            let text = miniz_oxide::inflate::decompress_to_vec(blocks.get(start..end)?).ok()?;
            return String::from_utf8(text).ok();
        }
        start = end;
    }
    None
}

fn index() -> (&'static str, &'static [u8]) {
    let end = PACKED.windows(2).position(|pair| pair == b"\n\n");
    let end = end.expect("the packed catalogue has an index");
    let index = std::str::from_utf8(&PACKED[..end]).expect("names of services are ASCII");
    (index, &PACKED[end + 2..])
}

#[cfg(test)]
mod tests {
    use super::{Service, index};

    #[test]
    fn every_service_unpacks() {
        let names: Vec<&str> = index()
            .0
            .lines()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert!(names.len() > 400, "{} services", names.len());
        for name in names {
            let service = Service::find(name).expect("it is in the index");
            assert!(!service.actions.is_empty(), "{name} has no action");
        }
    }

    #[test]
    fn services_and_actions_are_found_by_the_names_of_integrations() {
        let service = Service::find("cloudwatchlogs").expect("it is known");
        assert!(service.has("putLogEvents"));
        assert!(!service.has("PutLogEvents"));
        assert!(Service::find("logs").is_none());
    }

    #[test]
    fn an_action_that_streams_is_none_of_a_task() {
        let service = Service::find("kinesis").expect("it is known");
        assert!(service.has("putRecord"));
        assert!(!service.has("subscribeToShard"));
    }
}
