//! Written by `cargo xtask codegen` from `model/*.json`; not edited by hand.

pub mod lambda;
pub mod states;
