//! The fields of a Distributed Map, and the definition that its child executions run.

use serde_json::{Map, Value};

use super::{Definition, Quantity, QueryLanguage, Template};

/// Fields of a Map state that only a Distributed one has.
#[derive(Debug, Default)]
pub struct Distributed {
    pub label: Option<String>,
    /// `ItemReader`: the items are not in the state's input.
    pub reader: Option<Reader>,
    pub batcher: Option<Batcher>,
    pub writer: Option<Writer>,
}

/// `ItemReader`.
#[derive(Debug)]
pub struct Reader {
    pub resource: String,
    /// `ReaderConfig.InputType`.
    pub input_type: Option<String>,
    /// `ReaderConfig.ItemsPointer`.
    pub items_pointer: Option<String>,
}

/// `ItemBatcher`.
#[derive(Debug)]
pub struct Batcher {
    /// `MaxItemsPerBatch` or its path.
    pub items_max: Option<Quantity>,
    /// `MaxInputBytesPerBatch` or its path.
    pub bytes_max: Option<Quantity>,
    /// `BatchInput`.
    pub input: Option<Template>,
}

/// `ResultWriter`.
#[derive(Debug)]
pub struct Writer {
    /// `None`: the results stay in the state's output, formatted.
    pub resource: Option<String>,
    pub transformation: Transformation,
    /// `OutputType` is `JSONL`.
    pub is_lines: bool,
}

/// `WriterConfig.Transformation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Transformation {
    /// Each result is a record of its child execution.
    None,
    /// Outputs alone, in the order of the items.
    #[default]
    Compact,
    /// As `Compact`, and outputs that are arrays are joined.
    Flatten,
}

impl Definition {
    /// The definition that child executions of the Distributed Map `state` run, as text: its processor.
    ///
    /// - `None`: there is no Map state of that name.
    /// - States inherit the query language of the machine, so the text says which one that is.
    pub fn processor_text(&self, state: &str) -> Option<String> {
        let definition: Value = serde_json::from_str(&self.text).ok()?;
        let mut processor = processor_of(definition.as_object()?, state)?.clone();
        processor.remove("ProcessorConfig");
        if self.query_language == QueryLanguage::Jsonata {
            processor.insert("QueryLanguage".into(), "JSONata".into());
        }
        Some(Value::Object(processor).to_string())
    }
}

/// The processor of the Map state `name`; names are unique in a definition.
fn processor_of<'v>(block: &'v Map<String, Value>, name: &str) -> Option<&'v Map<String, Value>> {
    for (found, state) in block.get("States")?.as_object()? {
        let processor = ["ItemProcessor", "Iterator"]
            .into_iter()
            .find_map(|field| state.get(field)?.as_object());
        if found == name {
            return processor;
        }
        let branches = state.get("Branches").and_then(Value::as_array);
        let inner = branches
            .into_iter()
            .flatten()
            .filter_map(Value::as_object)
            .chain(processor)
            .find_map(|block| processor_of(block, name));
        if inner.is_some() {
            return inner;
        }
    }
    None
}
