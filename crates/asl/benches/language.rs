//! How long evaluating takes, by input size: `cargo bench -p stepwell-asl --bench language`.

mod document;
mod operations;

/// The allocator of the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

use divan::{Bencher, black_box};
use document::{SIZES, order, with_scope};

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES)]
fn path_lookup(bencher: Bencher<'_, '_>, bytes: usize) {
    let path = operations::path();
    with_scope(&order(bytes), |scope| {
        bencher.bench_local(|| black_box(path.lookup(scope)).is_some())
    });
}

#[divan::bench(args = SIZES)]
fn path_lookup_of_every_item(bencher: Bencher<'_, '_>, bytes: usize) {
    let path = operations::path_to_many();
    with_scope(&order(bytes), |scope| {
        bencher.bench_local(|| path.lookup(scope))
    });
}

#[divan::bench(args = SIZES)]
fn payload_template_of_ten_fields(bencher: Bencher<'_, '_>, bytes: usize) {
    let template = operations::payload_template();
    with_scope(&order(bytes), |scope| {
        bencher.bench_local(|| template.evaluate(scope))
    });
}

#[divan::bench(args = SIZES)]
fn choice_of_ten_rules(bencher: Bencher<'_, '_>, bytes: usize) {
    let rules = operations::rules();
    with_scope(&order(bytes), |scope| {
        bencher.bench_local(|| operations::choose(&rules, scope))
    });
}

#[divan::bench(args = SIZES)]
fn jsonata_object_template(bencher: Bencher<'_, '_>, bytes: usize) {
    let template = operations::jsonata_template();
    with_scope(&order(bytes), |scope| {
        bencher.bench_local(|| template.evaluate(scope))
    });
}

#[divan::bench(args = SIZES)]
fn jsonata_object_template_of_every_item(bencher: Bencher<'_, '_>, bytes: usize) {
    let template = operations::jsonata_template_of_items();
    with_scope(&order(bytes), |scope| {
        bencher.bench_local(|| template.evaluate(scope))
    });
}
