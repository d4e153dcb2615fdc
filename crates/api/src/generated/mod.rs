//! Written by `cargo xtask codegen` from `model/*.json`; not edited by hand.

pub mod apigateway;
pub mod apigatewayv2;
pub mod cloudwatch;
pub mod events;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod scheduler;
pub mod states;
pub mod sts;
pub mod xray;
