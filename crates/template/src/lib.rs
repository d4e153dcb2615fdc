//! SAM and CloudFormation templates, resolved to functions and state machines.
//!
//! Lives here: YAML and JSON with positions, parameters, conditions, mappings, `Globals`, CloudFormation's
//! functions, what SAM makes of its resources, and what the types of Lambda and Step Functions say; problems
//! with file, line and property.
//!
//! Never here: files, network, clock, building code, validating a definition's states, anything that runs.
//!
//! Read first: [`resolve`].
//!
//! Physical names: a resource without a name is called `stack-LogicalId`. AWS appends a random suffix; a
//! stable name lets the same template be deployed again onto what is there. What only the server gives (the
//! number of a version, the id of an API) is a token in the texts that name it, which [`fill`] replaces.

mod companion;
mod conditions;
mod definition;
mod foreach;
mod function;
mod gateway;
mod globals;
mod graph;
mod intrinsics;
mod json;
mod names;
mod node;
mod parameters;
mod parse;
mod problem;
mod properties;
mod resource;
mod schema;
mod scope;
mod serverless;
mod stack;
mod state_machine;
mod sub;
mod suggest;

pub use companion::Companion;
pub use conditions::CONDITION_CHAIN_MAX;
pub use definition::DEFINITION_BYTES_MAX;
pub use function::{Build, Code, Function, Tracing};
pub use names::{fill, is_open};
pub use parameters::{PARAMETER_BYTES_MAX, PARAMETERS_MAX, Parameter};
pub use parse::{DEPTH_MAX, NODES_MAX};
pub use problem::{Location, PROBLEMS_MAX, Problem, Severity};
pub use resource::RESOURCES_MAX;
pub use scope::FUNCTION_OUTPUT_BYTES_MAX;
pub use stack::{Options, Stack, TEMPLATE_BYTES_MAX, resolve};
pub use state_machine::{Kind, StateMachine};
