//! Parallel and Map.

use serde_json::{Map, Value, json};
use stepwell_engine::MachineKind;

use super::block::{Builder, Language, Made, Scope, Shape};
use super::flow::ResultOf;
use super::values::{self, marked};

/// Items of a map.
const ITEMS_MAX: usize = 4;

/// An array of what branches or iterations gave.
const JOINED: ResultOf = ResultOf {
    standard: None,
    steady: None,
    steady_expression: "$states.result",
};

impl Builder<'_> {
    pub(super) fn parallel(&mut self, scope: &Scope) -> Made {
        self.forks_left -= 1;
        let language = self.state_language();
        let mut state = self.state("Parallel", language);
        let mut input = Shape::Standard;
        match (language, self.draw.below(6)) {
            (Language::JsonPath, 0) => {
                state.insert(
                    "Parameters".into(),
                    json!({ "given.$": "$.n", "list.$": "$.items" }),
                );
                input = Shape::Other;
            }
            (Language::Jsonata, 0) => {
                let arguments = json!({ "given": marked("$states.input.n") });
                state.insert("Arguments".into(), arguments);
                input = Shape::Other;
            }
            _ => {}
        }
        let inside = Scope {
            depth: scope.depth + 1,
            ..scope.clone()
        };
        let count = 1 + self.draw.below(3);
        let mut branches = Vec::new();
        for _ in 0..count {
            let parts = 1 + self.draw.below(2);
            let mut branch = self.block(&inside, input, parts);
            if self.draw.percent(5) {
                branch["Comment"] = json!("a branch");
            }
            branches.push(branch);
        }
        state.insert("Branches".into(), Value::Array(branches));
        self.retry(&mut state, 0, false);
        let assigned = self.count_of(&mut state, language);
        let shape = self.result(&mut state, language, &JOINED);
        Made {
            state,
            shape,
            assigned,
        }
    }

    pub(super) fn inline_map(&mut self, scope: &Scope) -> Made {
        self.forks_left -= 1;
        let language = self.state_language();
        let mut state = self.state("Map", language);
        let input = self.items(&mut state, language);
        match (language, self.draw.below(5)) {
            (Language::JsonPath, 0) => {
                drop(state.insert("MaxConcurrencyPath".into(), json!("$.width")));
            }
            (Language::Jsonata, 0) => {
                drop(state.insert("MaxConcurrency".into(), marked("$states.input.width")));
            }
            (_, 1 | 2) => {
                let width = self.draw.below(3);
                state.insert("MaxConcurrency".into(), json!(width));
            }
            _ => {}
        }
        let inside = Scope {
            depth: scope.depth + 1,
            ..scope.clone()
        };
        let parts = 1 + self.draw.below(2);
        let mut processor = self.block(&inside, input, parts);
        if self.draw.percent(50) {
            processor["ProcessorConfig"] = json!({ "Mode": "INLINE" });
        }
        let field = if self.draw.percent(10) {
            "Iterator"
        } else {
            "ItemProcessor"
        };
        state.insert(field.into(), processor);
        self.retry(&mut state, 0, false);
        let assigned = self.count_of(&mut state, language);
        let shape = self.result(&mut state, language, &JOINED);
        Made {
            state,
            shape,
            assigned,
        }
    }

    /// AWS: only Standard executions have map runs.
    pub(super) fn may_distribute(&self, scope: &Scope) -> bool {
        scope.kind == MachineKind::Standard && !scope.is_child
    }

    pub(super) fn distributed_map(&mut self, scope: &Scope) -> Made {
        self.forks_left -= 1;
        let language = self.state_language();
        let mut state = self.state("Map", language);
        let input = self.items(&mut state, language);
        let is_batched = self.batcher(&mut state, language);
        if self.draw.percent(40) {
            let label = self.fresh_name("label");
            state.insert("Label".into(), json!(label));
        }
        if self.draw.percent(40) {
            let width = self.draw.below(4);
            state.insert("MaxConcurrency".into(), json!(width));
        }
        let tolerates = self.tolerance(&mut state, language);
        let has_records = self.writer(&mut state);
        let (kind, kind_name) = if self.features.express && self.draw.percent(40) {
            (MachineKind::Express, "EXPRESS")
        } else {
            (MachineKind::Standard, "STANDARD")
        };
        // AWS: variables of the machine do not reach into the executions of a Distributed Map.
        let inside = Scope {
            depth: scope.depth + 1,
            kind,
            variables: Vec::new(),
            is_top: false,
            is_child: true,
            is_looped: false,
        };
        let parts = 1 + self.draw.below(2);
        let input = if is_batched { Shape::Other } else { input };
        let mut processor = self.block(&inside, input, parts);
        processor["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": kind_name });
        state.insert("ItemProcessor".into(), processor);
        self.retry(&mut state, 0, false);
        let assigned = self.count_of(&mut state, language);
        // A failed child's record has names and instants in it.
        let result = if tolerates || has_records {
            ResultOf {
                steady: Some(json!({ "mapped": true })),
                steady_expression: "{'mapped': true}",
                ..JOINED
            }
        } else {
            JOINED
        };
        let shape = if tolerates || has_records {
            self.steady_result(&mut state, language, &result)
        } else {
            self.result(&mut state, language, &result)
        };
        Made {
            state,
            shape,
            assigned,
        }
    }

    /// Where the items come from and what is made of each; what an iteration is given.
    fn items(&mut self, state: &mut Map<String, Value>, language: Language) -> Shape {
        let has_selector = self.draw.percent(60);
        match language {
            Language::JsonPath => {
                let path = *self.draw.one_of(&["$.items", "$.box.items"]);
                state.insert("ItemsPath".into(), json!(path));
                if has_selector {
                    let n = ("n.$", json!("$$.Map.Item.Value"));
                    let mut selector = values::standard_with(self.draw, n);
                    selector.insert("index.$".into(), json!("$$.Map.Item.Index"));
                    let field = if self.draw.percent(10) {
                        "Parameters"
                    } else {
                        "ItemSelector"
                    };
                    state.insert(field.into(), Value::Object(selector));
                }
            }
            Language::Jsonata => {
                let items = match self.draw.below(4) {
                    0 => json!([1, marked("$states.input.n"), 3]),
                    1 => marked(&format!("[1..{}]", 1 + self.draw.below(ITEMS_MAX))),
                    2 => marked("$states.input.box.items"),
                    _ => marked("[$states.input.items]"),
                };
                state.insert("Items".into(), items);
                if has_selector {
                    let n = ("n", marked("$states.context.Map.Item.Value"));
                    let mut selector = values::standard_with(self.draw, n);
                    selector.insert("index".into(), marked("$states.context.Map.Item.Index"));
                    state.insert("ItemSelector".into(), Value::Object(selector));
                }
            }
        }
        if has_selector {
            Shape::Standard
        } else {
            Shape::Other
        }
    }

    fn batcher(&mut self, state: &mut Map<String, Value>, language: Language) -> bool {
        if !self.draw.percent(35) {
            return false;
        }
        let mut batcher = Map::new();
        match self.draw.below(3) {
            0 => drop(batcher.insert("MaxInputBytesPerBatch".into(), json!(2_000))),
            1 => {
                batcher.insert("MaxItemsPerBatch".into(), json!(2));
                batcher.insert("MaxInputBytesPerBatch".into(), json!(4_000));
            }
            _ => drop(batcher.insert("MaxItemsPerBatch".into(), json!(1 + self.draw.below(3)))),
        }
        if self.draw.percent(50) {
            let shared = match language {
                Language::JsonPath => json!({ "shared.$": "$.n", "fixed": [1] }),
                Language::Jsonata => json!({ "shared": marked("$states.input.n"), "fixed": [1] }),
            };
            batcher.insert("BatchInput".into(), shared);
        }
        state.insert("ItemBatcher".into(), Value::Object(batcher));
        true
    }

    /// Tolerated failures; whether a failed child can be among the results.
    fn tolerance(&mut self, state: &mut Map<String, Value>, language: Language) -> bool {
        let (field, value) = match (language, self.draw.below(8)) {
            (_, 0) => ("ToleratedFailureCount", json!(self.draw.below(4))),
            (_, 1) => ("ToleratedFailurePercentage", json!(50)),
            (Language::JsonPath, 2) => ("ToleratedFailureCountPath", json!("$.width")),
            (Language::JsonPath, 3) => ("ToleratedFailurePercentagePath", json!("$.box.n")),
            (Language::Jsonata, 2) => ("ToleratedFailureCount", marked("$states.input.width")),
            (Language::Jsonata, 3) => ("ToleratedFailurePercentage", marked("12.5 * 4")),
            _ => return false,
        };
        state.insert(field.into(), value);
        true
    }

    /// `ResultWriter` without a place: whether records take the place of outputs.
    fn writer(&mut self, state: &mut Map<String, Value>) -> bool {
        if !self.draw.percent(25) {
            return false;
        }
        let transformation = *self.draw.one_of(&["NONE", "COMPACT", "FLATTEN"]);
        let output_type = *self.draw.one_of(&["JSON", "JSON", "JSONL"]);
        state.insert(
            "ResultWriter".into(),
            json!({ "WriterConfig": { "Transformation": transformation, "OutputType": output_type } }),
        );
        transformation == "NONE" || output_type == "JSONL"
    }

    /// A variable with the number of results, sometimes.
    fn count_of(&mut self, state: &mut Map<String, Value>, language: Language) -> Vec<String> {
        if !self.draw.percent(20) || state.contains_key("ResultWriter") {
            return Vec::new();
        }
        let name = self.fresh_name("v");
        let assign = match language {
            Language::JsonPath => json!({ format!("{name}.$"): "States.ArrayLength($)" }),
            Language::Jsonata => json!({ name.clone(): marked("$count($states.result)") }),
        };
        state.insert("Assign".into(), assign);
        vec![name]
    }

    /// A result that must not be kept whole: its steady part is, or nothing.
    pub(super) fn steady_result(
        &mut self,
        state: &mut Map<String, Value>,
        language: Language,
        result: &ResultOf,
    ) -> Shape {
        let place = self.fresh_name("r");
        match (language, &result.steady) {
            (Language::JsonPath, Some(steady)) if self.draw.percent(70) => {
                state.insert("ResultSelector".into(), steady.clone());
                state.insert("ResultPath".into(), json!(format!("$.{place}")));
            }
            (Language::JsonPath, _) => drop(state.insert("ResultPath".into(), Value::Null)),
            (Language::Jsonata, _) => {
                let steady = result.steady_expression;
                let output = format!("$merge([$states.input, {{'{place}': {steady}}}])");
                state.insert("Output".into(), marked(&output));
            }
        }
        Shape::Standard
    }
}
