//! Written by `cargo xtask codegen` from `model/*.json`; not edited by hand.

pub mod iam;
pub mod lambda;
pub mod logs;
pub mod states;
pub mod sts;
