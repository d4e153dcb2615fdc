//! No operation of the language is worse than linear in its input: counted in bytes allocated, not in time.

#[path = "../benches/document/mod.rs"]
mod document;
#[path = "../benches/operations/mod.rs"]
mod operations;

use std::alloc::System;

use cap::Cap;
use document::{SIZES, order, with_scope};
use stepwell_asl::Scope;

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What an operation may allocate more, for the same share of its input, when the input is larger.
const MARGIN: usize = 2;

/// A name, and what evaluates once.
type Operation<'o> = (&'o str, &'o dyn Fn(&Scope<'_>));

/// Bytes that one evaluation allocates, for a small and for a large input.
fn allocated(evaluate: impl Fn(&Scope<'_>)) -> [usize; 2] {
    SIZES.map(|size| {
        with_scope(&order(size), |scope| {
            // Whatever is made once and kept is made here.
            evaluate(scope);
            let before = ALLOCATOR.total_allocated();
            evaluate(scope);
            ALLOCATOR.total_allocated() - before
        })
    })
}

/// One test, because the allocator counts for the whole process.
#[test]
fn what_an_operation_allocates_grows_no_faster_than_its_input() {
    let growth_max = MARGIN * SIZES[1] / SIZES[0];
    let path = operations::path();
    let many = operations::path_to_many();
    let template = operations::payload_template();
    let rules = operations::rules();
    let jsonata = operations::jsonata_template();
    let items = operations::jsonata_template_of_items();
    let constant: [Operation<'_>; 4] = [
        ("a path", &|scope| drop(path.lookup(scope))),
        ("a payload template", &|scope| {
            drop(template.evaluate(scope))
        }),
        ("a JSONata template of a few members", &|scope| {
            drop(jsonata.evaluate(scope))
        }),
        ("a choice", &|scope| {
            assert_eq!(operations::choose(&rules, scope), Some(9))
        }),
    ];
    for (name, evaluate) in constant {
        let [small, large] = allocated(evaluate);
        assert_eq!(
            small, large,
            "{name} allocates for what it gives, not for its input"
        );
    }
    let linear: [Operation<'_>; 2] = [
        ("a path to many values", &|scope| drop(many.lookup(scope))),
        ("a JSONata template of every item", &|scope| {
            drop(items.evaluate(scope))
        }),
    ];
    for (name, evaluate) in linear {
        let [small, large] = allocated(evaluate);
        println!("{name}: {small} bytes, then {large}");
        assert!(
            large <= small * growth_max,
            "{name}: {small} bytes, then {large}"
        );
    }
}
