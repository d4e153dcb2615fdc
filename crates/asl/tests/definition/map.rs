//! Map, inline and distributed.

use expect_test::expect;
use stepwell_asl::definition::{BlockId, Kind, MachineKind, MapMode, StateIndex};

use crate::{check, check_jsonata, check_state, parsed, starting_with};

#[test]
fn a_map_has_one_processor() {
    const PROCESSOR: &str = r#"{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}"#;
    check_state(
        r#""Type": "Map", "Next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [ItemProcessor] at /States/A
    "#]],
    );
    check_state(
        &format!(
            r#""Type": "Map", "Next": "Z", "Iterator": {PROCESSOR}, "ItemProcessor": {PROCESSOR}"#
        ),
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [ItemProcessor, Iterator] at /States/A
        "#]],
    );
    check_state(
        &format!(r#""Type": "Map", "Next": "Z", "Iterator": {PROCESSOR}"#),
        expect![[r#"
        ok
    "#]],
    );
    check_state(
        &format!(
            r#""Type": "Map", "Next": "Z", "ItemProcessor": {PROCESSOR}, "ItemsPath": "$.a..b", "MaxConcurrency": -1,
               "ItemSelector": {{}}, "Parameters": {{}}, "ToleratedFailurePercentage": 100.5"#
        ),
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [ItemSelector, Parameters] at /States/A
            Error SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: the path may match many values at /States/A/ItemsPath
            Error SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/A/MaxConcurrency
            Error SCHEMA_VALIDATION_FAILED: Maximum value is 100.0 at /States/A/ToleratedFailurePercentage
        "#]],
    );
    check_state(
        &format!(
            r#""Type": "Map", "Next": "Z", "ItemProcessor": {PROCESSOR}, "ItemsPath": "$$.Execution.Input.a",
               "MaxConcurrencyPath": "$.n""#
        ),
        expect![[r#"
            ok
        "#]],
    );
    check_jsonata(
        &format!(r#""Type": "Map", "Next": "Z", "ItemProcessor": {PROCESSOR}, "Items": 1"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Array at /States/A/Items
    "#]],
    );
}

#[test]
fn only_the_children_of_a_distributed_map_have_a_type() {
    check_state(
        r#""Type": "Map", "Next": "Z", "ItemProcessor": {
           "ProcessorConfig": {"Mode": "INLINE", "ExecutionType": "STANDARD"}, "StartAt": "B", "States": {"B":
           {"Type": "Succeed"}}}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'ExecutionType' is not supported at /States/A/ItemProcessor/ProcessorConfig
        "#]],
    );
}

#[test]
fn the_children_of_a_distributed_map_may_be_express() {
    check_state(
        r#""Type": "Map", "Next": "Z", "ItemProcessor": {
           "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}, "StartAt": "B", "States": {"B":
           {"Type": "Task", "Resource": "arn:aws:states:::sns:publish.waitForTaskToken", "Parameters": {}, "End": true}}}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at /States/A/ItemProcessor/States/B/Resource
        "#]],
    );
}

#[test]
fn the_parts_of_a_distributed_map_are_checked() {
    let map = |config: &str, fields: &str| {
        format!(
            r#""Type": "Map", "Next": "Z", "ItemProcessor": {{"StartAt": "B", "States": {{"B": {{"Type": "Succeed"}}}},
               "ProcessorConfig": {{{config}}}}} {fields}"#
        )
    };
    const DISTRIBUTED: &str = r#""Mode": "DISTRIBUTED", "ExecutionType": "STANDARD""#;
    check_state(
        &map(r#""Mode": "DISTRIBUTED""#, ""),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [ExecutionType] at /States/A/ItemProcessor/ProcessorConfig
    "#]],
    );
    check_state(
        &map(r#""Mode": "PARALLEL", "ExecutionType": "FAST""#, ""),
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Value should be one of the following: [INLINE, DISTRIBUTED] at /States/A/ItemProcessor/ProcessorConfig/Mode
            Error SCHEMA_VALIDATION_FAILED: Value should be one of the following: [STANDARD, EXPRESS] at /States/A/ItemProcessor/ProcessorConfig/ExecutionType
        "#]],
    );
    check_state(
        &map(
            r#""Mode": "INLINE""#,
            r#", "Label": "l", "ToleratedFailureCount": 1"#,
        ),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Field 'Label' is not supported at /States/A
    "#]],
    );
    check_state(
        &map(DISTRIBUTED, r#", "ItemBatcher": {"BatchInput": 1}"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: One of these fields is required: [MaxItemsPerBatch, MaxItemsPerBatchPath, MaxInputBytesPerBatch, MaxInputBytesPerBatchPath] at /States/A/ItemBatcher
    "#]],
    );
    check_state(
        &map(DISTRIBUTED, r#", "Label": """#),
        expect![[r#"
        Error INVALID_LABEL_NAME: Label cannot be empty at /States/A/Label
    "#]],
    );
    check_state(
        &map(DISTRIBUTED, r#", "Label": "a b""#),
        expect![[r#"
        Error INVALID_LABEL_NAME: Label contains invalid character: ' ' at /States/A/Label
    "#]],
    );
    check_state(
        &map(DISTRIBUTED, &format!(r#", "Label": "{}""#, "l".repeat(41))),
        expect![[r#"
        Error INVALID_LABEL_NAME: Label 'lllllllllllllllllllllllllllllllllllllllll' exceeds the 40-character limit at /States/A/Label
    "#]],
    );
    check_state(
        &map(
            DISTRIBUTED,
            r#", "ItemReader": {"Resource": "arn:aws:states:::s3:putObject", "Arguments": {}, "ReaderConfig":
               {"InputType": "XML", "CSVHeaderLocation": "GIVEN", "MaxItems": 100000001}},
               "ItemBatcher": {"MaxItemsPerBatch": -1, "MaxInputBytesPerBatch": 1, "MaxInputBytesPerBatchPath": "$.b"},
               "ResultWriter": {}"#,
        ),
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: The resource provided arn:aws:states:::s3:putObject is not recognized. The value is not a valid resource ARN, or the resource is not available in this region. at /States/A/ItemReader/Resource
            Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Arguments' is only supported for the 'JSONata' QueryLanguage at /States/A/ItemReader
            Error SCHEMA_VALIDATION_FAILED: Value should be one of the following: [CSV, JSON, JSONL, MANIFEST, PARQUET] at /States/A/ItemReader/ReaderConfig/InputType
            Error SCHEMA_VALIDATION_FAILED: These fields are required: [CSVHeaders] at /States/A/ItemReader/ReaderConfig
            Error SCHEMA_VALIDATION_FAILED: Maximum value is 100000000 at /States/A/ItemReader/ReaderConfig/MaxItems
            Error SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/A/ItemBatcher/MaxItemsPerBatch
            Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [MaxInputBytesPerBatch, MaxInputBytesPerBatchPath] at /States/A/ItemBatcher
            Error SCHEMA_VALIDATION_FAILED: These fields are required: [Resource, Parameters] at /States/A/ResultWriter
        "#]],
    );
    check_state(
        &map(
            DISTRIBUTED,
            r#", "Label": "orders", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject",
               "Parameters": {"Bucket": "b", "Key.$": "$.key"}, "ReaderConfig": {"InputType": "CSV",
               "CSVHeaderLocation": "FIRST_ROW", "MaxItemsPath": "$.max"}},
               "ItemBatcher": {"MaxItemsPerBatch": 10, "BatchInput": {"a": 1}},
               "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "p"},
               "WriterConfig": {"Transformation": "COMPACT", "OutputType": "JSONL"}}"#,
        ),
        expect![[r#"
            ok
        "#]],
    );
    let definition = parsed(&starting_with(&map(DISTRIBUTED, r#", "Label": "orders""#)));
    let Kind::Map(map) = &definition.state(BlockId::ROOT, StateIndex(0)).kind else {
        panic!("the first state is a Map");
    };
    assert_eq!(
        map.mode,
        MapMode::Distributed {
            execution_type: MachineKind::Standard
        }
    );
    assert_eq!(map.distributed.label.as_deref(), Some("orders"));
}

#[test]
fn a_label_is_unique() {
    check(
        r#"{"StartAt": "A", "States": {
            "A": {"Type": "Map", "Label": "l", "Next": "B", "ItemProcessor": {"StartAt": "C", "ProcessorConfig":
                {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "States": {"C": {"Type": "Succeed"}}}},
            "B": {"Type": "Map", "Label": "l", "End": true, "ItemProcessor": {"StartAt": "D", "ProcessorConfig":
                {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "States": {"D": {"Type": "Succeed"}}}}}}"#,
        expect![[r#"
            Error DUPLICATE_LABEL_NAME: Duplicate Label name: l at /States/B/Label
        "#]],
    );
}
