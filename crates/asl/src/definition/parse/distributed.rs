//! `ItemReader`, `ItemBatcher` and `ResultWriter` of a Distributed Map.

use super::Parser;
use super::fields::Fields;
use crate::definition::QueryLanguage;
use crate::definition::distributed::{Batcher, Distributed, Reader, Transformation, Writer};

/// Items that one reader gives at most (service quota).
const ITEMS_MAX: u64 = 100_000_000;

/// Bytes of one batch: the largest input of an execution.
const BATCH_BYTES_MAX: u64 = 262_144;

impl Parser<'_> {
    pub(super) fn distributed(&mut self, fields: Fields<'_>) -> Distributed {
        self.check_label(fields);
        Distributed {
            label: fields
                .get("Label")
                .and_then(|value| value.as_str())
                .map(str::to_owned),
            reader: self.within(fields, "ItemReader", Parser::reader),
            batcher: self.within(fields, "ItemBatcher", Parser::batcher),
            writer: self.within(fields, "ResultWriter", Parser::writer),
        }
    }

    fn within<T>(
        &mut self,
        fields: Fields<'_>,
        field: &str,
        read: fn(&mut Self, Fields<'_>) -> T,
    ) -> Option<T> {
        let object = fields.object(field, self.report)?;
        let pointer = fields.at(field);
        let inner = Fields {
            object,
            pointer: &pointer,
            language: fields.language,
        };
        Some(read(self, inner))
    }

    fn reader(&mut self, reader: Fields<'_>) -> Reader {
        reader.allow_only(
            &["Resource", "Parameters", "Arguments", "ReaderConfig"],
            self.report,
        );
        if reader.require(&["Resource"], self.report) {
            self.check_source(reader, &["s3:getObject", "s3:listObjectsV2"]);
        }
        self.check_arguments(reader);
        self.within(reader, "ReaderConfig", Parser::check_reader_config);
        let config = |field: &str| {
            let value = reader.get("ReaderConfig")?.get(field)?;
            value.as_str().map(str::to_owned)
        };
        Reader {
            resource: resource_of(reader).unwrap_or_default(),
            input_type: config("InputType"),
            items_pointer: config("ItemsPointer"),
        }
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

    fn batcher(&mut self, batcher: Fields<'_>) -> Batcher {
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
        Batcher {
            items_max: self.bounded(
                batcher,
                "MaxItemsPerBatch",
                "MaxItemsPerBatchPath",
                ITEMS_MAX,
            ),
            bytes_max: self.bounded(
                batcher,
                "MaxInputBytesPerBatch",
                "MaxInputBytesPerBatchPath",
                BATCH_BYTES_MAX,
            ),
            input: self.template(batcher, "BatchInput"),
        }
    }

    fn writer(&mut self, writer: Fields<'_>) -> Writer {
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
        let config = self.within(writer, "WriterConfig", |parser, config| {
            config.allow_only(&["OutputType", "Transformation"], parser.report);
            let transformation = config.one_of(
                "Transformation",
                &["NONE", "COMPACT", "FLATTEN"],
                parser.report,
            );
            let output_type = config.one_of("OutputType", &["JSON", "JSONL"], parser.report);
            let transformation = match transformation {
                Some("NONE") => Transformation::None,
                Some("FLATTEN") => Transformation::Flatten,
                _ => Transformation::Compact,
            };
            (transformation, output_type == Some("JSONL"))
        });
        let (transformation, is_lines) = config.unwrap_or_default();
        Writer {
            resource: resource_of(writer),
            transformation,
            is_lines,
        }
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

fn resource_of(fields: Fields<'_>) -> Option<String> {
    let resource = fields.get("Resource")?;
    resource.as_str().map(str::to_owned)
}
