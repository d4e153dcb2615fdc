//! The actions that AWS SDK integrations may call, by name.
//!
//! `actions.bin` has an index, `SERVICE LENGTH` a line, an empty line, then for each service its
//! actions with a blank between them, deflated. `cargo xtask codegen` writes it. A service of which
//! no action is listed has left the SDK; AWS may still take any of its actions.

use std::collections::BTreeMap;

const PACKED: &[u8] = include_bytes!("actions.bin");

/// The actions of the services that one definition calls; each service is unpacked once.
#[derive(Default)]
pub(super) struct Actions {
    services: BTreeMap<String, Option<String>>,
}

impl Actions {
    /// Whether AWS knows the action of the service, both as they are written in a resource.
    pub(super) fn has(&mut self, service: &str, action: &str) -> bool {
        let actions = self
            .services
            .entry(service.to_owned())
            .or_insert_with(|| unpack(service));
        match actions.as_deref() {
            None => false,
            Some("") => is_action_name(action),
            Some(actions) => actions.split(' ').any(|known| known == action),
        }
    }
}

fn is_action_name(action: &str) -> bool {
    action.starts_with(|c: char| c.is_ascii_lowercase())
        && action.chars().all(|c| c.is_ascii_alphanumeric())
}

fn unpack(service: &str) -> Option<String> {
    let end = PACKED.windows(2).position(|pair| pair == b"\n\n")?;
    let (index, mut blocks) = (&PACKED[..end], &PACKED[end + 2..]);
    for line in std::str::from_utf8(index).ok()?.lines() {
        let (name, length) = line.split_once(' ')?;
        let (block, rest) = blocks.split_at_checked(length.parse().ok()?)?;
        if name == service {
            let actions = miniz_oxide::inflate::decompress_to_vec(block).ok()?;
            return String::from_utf8(actions).ok();
        }
        blocks = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Actions, PACKED, unpack};

    #[test]
    fn every_service_unpacks() {
        let end = PACKED.windows(2).position(|pair| pair == b"\n\n");
        let index = std::str::from_utf8(&PACKED[..end.expect("there is an index")]);
        let lines = index.expect("names are ASCII").lines();
        let names: Vec<&str> = lines.filter_map(|line| line.split(' ').next()).collect();
        assert!(names.len() > 400, "{} services", names.len());
        assert!(names.iter().all(|name| unpack(name).is_some()));
    }

    #[test]
    fn actions_are_known_by_service_and_name() {
        let mut actions = Actions::default();
        for (service, action, expected) in [
            ("sfn", "startExecution", true),
            ("dynamodb", "query", true),
            ("rds", "describeDBInstances", true),
            ("sfn", "StartExecution", false),
            ("sfn", "begin", false),
            ("nothing", "startExecution", false),
            ("stepfunctions", "startExecution", false),
            // A service that left the SDK.
            ("opsworks", "createStack", true),
            ("opsworks", "Create Stack", false),
        ] {
            assert_eq!(actions.has(service, action), expected, "{service}:{action}");
        }
    }
}
