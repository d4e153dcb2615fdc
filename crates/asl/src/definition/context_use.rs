//! How much of the context object a definition can look at, from its text alone.

/// What evaluations of a definition may see of the context object; building the rest can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextUse {
    Nothing,
    /// Everything but `Execution.Input`, which may be large.
    WithoutInput,
    Everything,
}

/// Members that are no way to the input, as they follow the context object in an expression.
const BESIDE_INPUT: [&str; 10] = [
    ".Map.",
    ".Task.",
    ".State.",
    ".StateMachine.",
    ".Execution.Id",
    ".Execution.Name",
    ".Execution.RoleArn",
    ".Execution.StartTime",
    ".Execution.RedriveCount",
    ".Execution.RedriveTime",
];

/// Members of `$states` that are not the context object.
const BESIDE_CONTEXT: [&str; 3] = [".input", ".result", ".errorOutput"];

/// Errs on the side of seeing more: a text that only looks like an expression counts as one.
pub(super) fn context_use(definition: &str) -> ContextUse {
    // What counts here may be written as an escape too.
    if definition.contains(r"\u00") || has_parent(definition) {
        return ContextUse::Everything;
    }
    let starts_with_one =
        |text: &str, members: &[&str]| members.iter().any(|member| text.starts_with(member));
    let after = |word: &'static str| {
        let found = definition.match_indices(word);
        found.map(move |(at, _)| &definition[at + word.len()..])
    };
    let in_jsonata = after("$states")
        .filter(|rest| !starts_with_one(rest, &BESIDE_CONTEXT))
        .map(|rest| rest.strip_prefix(".context").unwrap_or(""));
    let mut used = ContextUse::Nothing;
    for member in after("$$").chain(in_jsonata) {
        if !starts_with_one(member, &BESIDE_INPUT) {
            return ContextUse::Everything;
        }
        used = ContextUse::WithoutInput;
    }
    used
}

/// Whether a `%` is none of the marks `"{%` and `%}"`: JSONata's parent leads from any member back to the input.
fn has_parent(definition: &str) -> bool {
    definition.match_indices('%').any(|(at, _)| {
        let before = &definition[..at];
        let begins = before.ends_with(r#""{"#) && !before.ends_with(r#"\"{"#);
        let ends = definition[at + 1..].starts_with(r#"}""#);
        !begins && !ends
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_sees_what_its_text_names() {
        let nothing = [
            r#""Variable": "$.a""#,
            "{% $states.input.a & $states.result & $states.errorOutput.Error %}",
        ];
        let without_input = [
            "$$.Execution.Name",
            "$$.Map.Item.Value",
            "$$.Task.Token",
            "$$.State.EnteredTime",
            "{% $states.context.Execution.Id & $states.input %}",
        ];
        let everything = [
            "$$",
            "$$.Execution",
            "$$.Execution.Input.a",
            "$$..Input",
            "$$['Execution']",
            "$$.Execution['Input']",
            "$$.Execution.Name $$.Execution.*",
            "{% $states %}",
            "{% $states.context %}",
            "{% $states.context.Execution.Input %}",
            "{% $states . context %}",
            r"\u0024$.Execution.Name",
            r"{% $st\u0061tes.context.Execution.Input %}",
            "{% $states.context.Execution.Id.%.Input %}",
            "{% $states.input.% %}",
            "{% $states.input.{'all': %} %}",
            r#"{% $states.input.a & \"a\"{%: 1} %}"#,
        ];
        let all = |texts: &[&str], used| {
            for text in texts {
                let definition = format!(r#""{text}""#);
                assert_eq!(context_use(&definition), used, "{text}");
            }
        };
        all(&nothing, ContextUse::Nothing);
        all(&without_input, ContextUse::WithoutInput);
        all(&everything, ContextUse::Everything);
    }
}
