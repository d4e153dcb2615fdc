//! Names of variables: their form, and which scope assigns them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::fields::Fields;
use super::report::{INVALID_VARIABLE_NAME, RESERVED_VARIABLE_NAME, Report};
use crate::definition::QueryLanguage;
use crate::path::{is_name_continue, is_name_start};

/// Characters of a variable's name.
const NAME_CHARACTERS_MAX: usize = 80;

/// The name that belongs to `$states`.
const RESERVED: &str = "states";

/// Checks the names that the `Assign` of `fields` assigns.
pub(super) fn check_assign(
    fields: Fields<'_>,
    assign: &Map<String, Value>,
    around: &Assigned<'_>,
    report: &mut Report,
) {
    let pointer = fields.at("Assign");
    for key in assign.keys() {
        let name = name_of(key, fields.language);
        let at = format!("{pointer}/{key}");
        if name == RESERVED {
            report.error(
                RESERVED_VARIABLE_NAME,
                Some(&at),
                format!("Cannot assign to reserved variable '${name}'."),
            );
        } else if !name.is_empty() && !name.chars().all(is_name_continue) {
            report.error(
                INVALID_VARIABLE_NAME,
                Some(&at),
                format!(
                    "Invalid variable name '{name}': the variable name contains invalid characters."
                ),
            );
        } else if !is_name(name) {
            report.schema(
                &at,
                format!(
                    "Variable name '{name}' must start with a letter or '_', continue with letters, digits or '_', and \
                     have at most {NAME_CHARACTERS_MAX} characters"
                ),
            );
        } else if around.contains(name) {
            report.schema(
                &at,
                format!("Variable '{name}' is already assigned in an outer scope"),
            );
        }
    }
}

/// The names that the states of a block assign, and of the blocks around it.
///
/// A chain, not a union: a thousand blocks in one block share its names.
#[derive(Default)]
pub(super) struct Assigned<'a> {
    names: BTreeSet<&'a str>,
    around: Option<&'a Assigned<'a>>,
}

impl<'a> Assigned<'a> {
    /// The names of a block with these states, however wrong the states are.
    ///
    /// AWS: what only a `Catch` assigns does not count; a recorded branch assigns a name that the catcher of its own
    /// Parallel assigns too.
    pub(super) fn of(states: &'a Map<String, Value>, around: &'a Assigned<'a>) -> Assigned<'a> {
        let mut names = BTreeSet::new();
        for state in states.values() {
            collect(state, &mut names);
            let rules = state.get("Choices").and_then(Value::as_array);
            rules
                .into_iter()
                .flatten()
                .for_each(|rule| collect(rule, &mut names));
        }
        Assigned {
            names,
            around: Some(around),
        }
    }

    fn contains(&self, name: &str) -> bool {
        self.names.contains(name) || self.around.is_some_and(|around| around.contains(name))
    }
}

fn collect<'a>(holder: &'a Value, names: &mut BTreeSet<&'a str>) {
    let assign = holder.get("Assign").and_then(Value::as_object);
    for key in assign.into_iter().flat_map(Map::keys) {
        names.insert(key.strip_suffix(".$").unwrap_or(key));
    }
}

fn name_of(key: &str, language: QueryLanguage) -> &str {
    match language {
        QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
        QueryLanguage::Jsonata => key,
    }
}

fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(is_name_start)
        && characters.all(is_name_continue)
        && name.chars().count() <= NAME_CHARACTERS_MAX
}
