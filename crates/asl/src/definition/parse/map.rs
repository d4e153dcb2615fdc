//! Fields of a Map state, inline and distributed.

use serde_json::Value;

use super::Parser;
use super::block::Scope;
use super::fields::Fields;
use super::variables::Assigned;
use crate::definition::{BlockId, Items, MachineKind, Map, MapMode, QueryLanguage};

/// Fields of a Distributed Map only.
const DISTRIBUTED_FIELDS: [&str; 4] = ["ItemBatcher", "ItemReader", "ResultWriter", "Label"];

impl Parser<'_> {
    pub(super) fn map(&mut self, fields: Fields<'_>, scope: Scope<'_>) -> Option<Map> {
        let processor = self.processor(fields, scope);
        fields.at_most_one(&["ItemSelector", "Parameters"], self.report);
        let items = self.items(fields);
        let selector = if fields.has("ItemSelector") {
            "ItemSelector"
        } else {
            "Parameters"
        };
        let item_selector = match (fields.language, selector) {
            (QueryLanguage::Jsonata, "Parameters") => None,
            _ => self.template(fields, selector),
        };
        let max_concurrency = self.count(fields, "MaxConcurrency", "MaxConcurrencyPath");
        let tolerated_failure_percentage = self.percentage(
            fields,
            "ToleratedFailurePercentage",
            "ToleratedFailurePercentagePath",
        );
        let tolerated_failure_count =
            self.count(fields, "ToleratedFailureCount", "ToleratedFailureCountPath");
        let distributed = self.distributed(fields);
        let (processor, mode) = processor?;
        if mode == MapMode::Inline {
            for field in DISTRIBUTED_FIELDS
                .into_iter()
                .filter(|field| fields.has(field))
            {
                self.report
                    .schema(fields.pointer, format!("Field '{field}' is not supported"));
            }
        }
        Some(Map {
            processor: processor?,
            mode,
            items: items?,
            item_selector,
            max_concurrency,
            tolerated_failure_percentage,
            tolerated_failure_count,
            distributed,
        })
    }

    /// `ItemProcessor`, or the deprecated `Iterator`.
    fn processor(
        &mut self,
        fields: Fields<'_>,
        scope: Scope<'_>,
    ) -> Option<(Option<BlockId>, MapMode)> {
        let field = match (fields.has("ItemProcessor"), fields.has("Iterator")) {
            (true, true) => {
                fields.at_most_one(&["ItemProcessor", "Iterator"], self.report);
                return None;
            }
            (false, false) => {
                fields.require(&["ItemProcessor"], self.report);
                return None;
            }
            (true, false) => "ItemProcessor",
            (false, true) => "Iterator",
        };
        let object = fields.object(field, self.report)?;
        let pointer = fields.at(field);
        let processor = Fields {
            object,
            pointer: &pointer,
            language: self.language,
        };
        processor.allow_only(
            &["Comment", "ProcessorConfig", "StartAt", "States"],
            self.report,
        );
        let mode = self.mode(processor);

        // AWS: variables of the machine do not reach into the executions of a Distributed Map.
        let nothing = Assigned::default();
        let (kind, around) = match mode {
            MapMode::Inline => (self.kind, scope.inside),
            MapMode::Distributed { execution_type } => (execution_type, &nothing),
        };
        let kind_around = std::mem::replace(&mut self.kind, kind);
        let block = self.block(processor, around, scope.depth_inside);
        self.kind = kind_around;
        Some((block, mode))
    }

    fn mode(&mut self, processor: Fields<'_>) -> MapMode {
        let Some(object) = processor.object("ProcessorConfig", self.report) else {
            return MapMode::Inline;
        };
        let pointer = processor.at("ProcessorConfig");
        let config = Fields {
            object,
            pointer: &pointer,
            language: processor.language,
        };
        config.allow_only(&["Mode", "ExecutionType"], self.report);
        let mode = config.one_of("Mode", &["INLINE", "DISTRIBUTED"], self.report);
        let execution_type = config.one_of("ExecutionType", &["STANDARD", "EXPRESS"], self.report);
        if mode == Some("INLINE") && config.has("ExecutionType") {
            // AWS: only the children of a Distributed Map have a type of their own.
            self.report
                .schema(&pointer, "Field 'ExecutionType' is not supported");
        }
        if mode != Some("DISTRIBUTED") {
            return MapMode::Inline;
        }
        config.require(&["ExecutionType"], self.report);
        if self.is_express() {
            self.report.schema(
                &config.at("Mode"),
                "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines",
            );
        }
        let execution_type = if execution_type == Some("EXPRESS") {
            MachineKind::Express
        } else {
            MachineKind::Standard
        };
        MapMode::Distributed { execution_type }
    }

    fn items(&mut self, fields: Fields<'_>) -> Option<Items> {
        match fields.language {
            QueryLanguage::JsonPath if fields.has("ItemsPath") => {
                let text = fields.text("ItemsPath", self.report)?;
                self.items_path(&fields.at("ItemsPath"), text)
                    .map(Items::Path)
            }
            QueryLanguage::Jsonata if fields.has("Items") => match fields.get("Items") {
                Some(Value::Array(_) | Value::Object(_) | Value::String(_)) => {
                    self.jsonata_template(fields, "Items").map(Items::Jsonata)
                }
                _ => {
                    self.report
                        .schema(&fields.at("Items"), "Expected value of type Array");
                    None
                }
            },
            _ => Some(Items::Input),
        }
    }
}
