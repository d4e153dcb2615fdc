//! `ItemReader`, `ItemBatcher` and `ResultWriter` of a Distributed Map.

use super::Parser;
use super::fields::Fields;
use crate::definition::QueryLanguage;

/// Items that one reader gives at most (service quota).
const ITEMS_MAX: u64 = 100_000_000;

/// Bytes of one batch: the largest input of an execution.
const BATCH_BYTES_MAX: u64 = 262_144;

impl Parser<'_> {
    pub(super) fn check_distributed(&mut self, fields: Fields<'_>) {
        self.check_label(fields);
        self.within(fields, "ItemReader", Parser::check_reader);
        self.within(fields, "ItemBatcher", Parser::check_batcher);
        self.within(fields, "ResultWriter", Parser::check_writer);
    }

    fn within(&mut self, fields: Fields<'_>, field: &str, check: fn(&mut Self, Fields<'_>)) {
        if let Some(object) = fields.object(field, self.report) {
            let pointer = fields.at(field);
            check(
                self,
                Fields {
                    object,
                    pointer: &pointer,
                    language: fields.language,
                },
            );
        }
    }

    fn check_reader(&mut self, reader: Fields<'_>) {
        reader.allow_only(
            &["Resource", "Parameters", "Arguments", "ReaderConfig"],
            self.report,
        );
        if reader.require(&["Resource"], self.report) {
            self.check_source(reader, &["s3:getObject", "s3:listObjectsV2"]);
        }
        self.check_arguments(reader);
        self.within(reader, "ReaderConfig", Parser::check_reader_config);
    }

    fn check_reader_config(&mut self, config: Fields<'_>) {
        const FIELDS: &[&str] = &[
            "InputType",
            "CSVDelimiter",
            "CSVHeaderLocation",
            "CSVHeaders",
            "ExpectedBucketOwner",
            "ItemsPointer",
            "ManifestType",
            "MaxItems",
            "MaxItemsPath",
            "Transformation",
        ];
        config.allow_only(FIELDS, self.report);
        config.one_of(
            "InputType",
            &["CSV", "JSON", "JSONL", "MANIFEST", "PARQUET"],
            self.report,
        );
        config.one_of(
            "CSVDelimiter",
            &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"],
            self.report,
        );
        config.one_of("CSVHeaderLocation", &["FIRST_ROW", "GIVEN"], self.report);
        config.array("CSVHeaders", self.report);
        config.one_of(
            "ManifestType",
            &["S3_INVENTORY", "ATHENA_DATA"],
            self.report,
        );
        config.one_of("Transformation", &["NONE", "LOAD_AND_FLATTEN"], self.report);
        config.text("ItemsPointer", self.report);
        if config
            .get("CSVHeaderLocation")
            .and_then(|value| value.as_str())
            == Some("GIVEN")
        {
            config.require(&["CSVHeaders"], self.report);
        }
        self.bounded(config, "MaxItems", "MaxItemsPath", ITEMS_MAX);
    }

    fn check_batcher(&mut self, batcher: Fields<'_>) {
        const FIELDS: &[&str] = &[
            "BatchInput",
            "MaxItemsPerBatch",
            "MaxItemsPerBatchPath",
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
        ];
        batcher.allow_only(FIELDS, self.report);
        if !FIELDS[1..].iter().any(|field| batcher.has(field)) {
            let message = format!(
                "One of these fields is required: [{}]",
                FIELDS[1..].join(", ")
            );
            self.report.schema(batcher.pointer, message);
        }
        self.bounded(
            batcher,
            "MaxItemsPerBatch",
            "MaxItemsPerBatchPath",
            ITEMS_MAX,
        );
        self.bounded(
            batcher,
            "MaxInputBytesPerBatch",
            "MaxInputBytesPerBatchPath",
            BATCH_BYTES_MAX,
        );
        self.template(batcher, "BatchInput");
    }

    fn check_writer(&mut self, writer: Fields<'_>) {
        writer.allow_only(
            &["Resource", "Parameters", "Arguments", "WriterConfig"],
            self.report,
        );
        if !writer.has("WriterConfig") || writer.has("Resource") {
            let arguments = match writer.language {
                QueryLanguage::JsonPath => "Parameters",
                QueryLanguage::Jsonata => "Arguments",
            };
            if writer.require(&["Resource", arguments], self.report) {
                self.check_source(writer, &["s3:putObject"]);
            }
        }
        self.check_arguments(writer);
        self.within(writer, "WriterConfig", |parser, config| {
            config.allow_only(&["OutputType", "Transformation"], parser.report);
            config.one_of(
                "Transformation",
                &["NONE", "COMPACT", "FLATTEN"],
                parser.report,
            );
            config.one_of("OutputType", &["JSON", "JSONL"], parser.report);
        });
    }

    fn check_source(&mut self, fields: Fields<'_>, calls: &[&str]) {
        let Some(text) = fields.text("Resource", self.report) else {
            return;
        };
        let call = text
            .split_once(":states:::")
            .filter(|(prefix, _)| prefix.starts_with("arn:"));
        if !call.is_some_and(|(_, call)| calls.contains(&call)) {
            self.report.schema(
                &fields.at("Resource"),
                format!(
                    "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the \
                     resource is not available in this region."
                ),
            );
        }
    }

    fn check_arguments(&mut self, fields: Fields<'_>) {
        fields.only_in("Parameters", QueryLanguage::JsonPath, self.report);
        fields.only_in("Arguments", QueryLanguage::Jsonata, self.report);
        let field = match fields.language {
            QueryLanguage::JsonPath => "Parameters",
            QueryLanguage::Jsonata => "Arguments",
        };
        self.template(fields, field);
    }
}
