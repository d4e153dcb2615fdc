//! What is kept is read again: corpora, findings of the past, and the first inputs of a run.

use stepwell_fuzz::{Target, targets, worker};

#[global_allocator]
static ALLOCATOR: worker::Allocator = worker::Allocator::new(std::alloc::System, usize::MAX);

/// Enough to notice a generator that is broken; finding is the business of `cargo xtask fuzz`.
const FRESH_INPUTS: u64 = 60;

fn read_all(name: &str) {
    let target = Target::named(name).expect("the tests name targets that exist");
    for (file, input) in target.kept() {
        println!("{file}");
        worker::read_one(target, input.to_vec(), &ALLOCATOR)
            .expect("a kept input is read within its bounds");
    }
    for number in 0..FRESH_INPUTS {
        let input = target.input(1, number);
        assert_eq!(
            input,
            target.input(1, number),
            "the same number gives the same input"
        );
        worker::read_one(target, input, &ALLOCATOR)
            .expect("a fresh input is read within its bounds");
    }
}

#[test]
fn definitions_are_read() {
    read_all("definition");
}

#[test]
fn paths_are_read() {
    read_all("path");
}

#[test]
fn intrinsic_functions_are_read() {
    read_all("intrinsic");
}

#[test]
fn expressions_are_read() {
    read_all("jsonata");
}

#[test]
fn requests_are_read() {
    read_all("api");
}

#[test]
fn cbor_is_read() {
    read_all("cbor");
}

#[test]
fn signatures_are_read() {
    read_all("signature");
}

#[test]
fn the_front_is_read() {
    read_all("front");
}

#[test]
fn segments_are_read() {
    read_all("segments");
}

#[test]
fn requests_of_otlp_are_read() {
    read_all("otlp");
}

#[test]
fn every_operation_of_step_functions_is_among_the_requests() {
    assert_eq!(targets::api::states_left_out(), Vec::<&str>::new());
}
