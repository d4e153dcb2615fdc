//! The crate's error texts in the reference implementation's words, which AWS shows.
//!
//! A text is only rewritten when nothing has to be guessed; otherwise the crate's own stays.

use serde_json::Value;

use super::references::References;
use super::{catalogue, guard, signatures};

/// The crate's message for a fault of its own.
pub(super) const INTERNAL: &str = "internal error";

/// What follows `the field 'Output' ` for an error of an evaluation.
///
/// - `references`: of the expression. A message that needs the name of a function or an operator gets it if only one
///   of those in the expression can have said so.
/// - AWS: a coded error follows a full stop, a bound that was hit follows a colon.
pub(super) fn thrown(message: &str, references: &References) -> String {
    const STACK: &str = "Stack overflow error: Check for non-terminating recursive function. \
                         Consider rewriting as tail-recursive.";
    const TIMEOUT: &str = "Expression evaluation timeout: Check for infinite loop";
    let bound = match message.get(..5) {
        Some("D1011" | "U1001") => STACK,
        Some("D1012") => TIMEOUT,
        Some("D2014" | "D2015") => guard::MEMORY,
        _ if message == guard::MEMORY => guard::MEMORY,
        // AWS: this sentence, and then a number that only AWS can look up.
        _ if message == INTERNAL => return "threw an internal error during evaluation.".to_owned(),
        _ => {
            return format!(
                "threw an error during evaluation. {}",
                reworded(message, references)
            );
        }
    };
    format!("threw an error during evaluation: {bound}")
}

fn reworded(message: &str, references: &References) -> String {
    let Some((code, rest)) = coded(message) else {
        return message
            .strip_prefix("Argument error: ")
            .unwrap_or(message)
            .to_owned();
    };
    let text = match code {
        "T2001" | "T2002" => operator_quoted(rest),
        "T0410" | "T0411" | "T0412" => argument(rest, references),
        "T2010" => compared(references),
        "D3030" => rest
            .strip_prefix("Cannot convert '")
            .and_then(|rest| rest.strip_suffix("' to number"))
            .map(|value| format!("Unable to cast value to a number: {}", Value::from(value))),
        "D3100" => rest.rsplit_once(' ').map(|(_, radix)| {
            format!("The radix of the formatBase function must be between 2 and 36.  It was given {radix}")
        }),
        "D3132" => Some(format!(
            "Unknown component specifier {} in date/time picture string",
            Value::from(rest)
        )),
        "D3133" => Some(format!(
            "The 'name' modifier can only be applied to months and days in the date/time picture string, not {}",
            Value::from(rest)
        )),
        _ => catalogue::sentence(code).map(str::to_owned),
    };
    match text {
        Some(text) => format!("{code}: {text}"),
        None => message.to_owned(),
    }
}

/// The sentence about values that cannot be compared, if the expression compares in one way only.
fn compared(references: &References) -> Option<String> {
    let mut operators = references.comparisons.iter();
    match (operators.next(), operators.next()) {
        (Some(operator), None) => Some(format!(
            "The expressions either side of operator \"{operator}\" must evaluate to numeric or string values"
        )),
        _ => None,
    }
}

/// `The left side of the + operator must ...` with the operator in quotes.
fn operator_quoted(rest: &str) -> Option<String> {
    let (before, after) = rest.split_once(" side of the ")?;
    let (operator, after) = after.split_once(" operator must ")?;
    (!operator.starts_with('"'))
        .then(|| format!("{before} side of the \"{operator}\" operator must {after}"))
}

/// The sentence about an argument, with the function that refuses it.
///
/// The crate says `Argument 1 must be String`, `... must be an array of Number`,
/// `Argument count mismatch: expected 2, got 1`, or `Argument 1 of function length does not match function signature`.
fn argument(rest: &str, references: &References) -> Option<String> {
    const MISMATCH: &str = " does not match function signature";
    if let Some((index, name)) = rest
        .strip_prefix("Argument ")
        .and_then(|rest| rest.split_once(" of function "))
        && let Some((name, "")) = name.split_once(MISMATCH)
        && !name.starts_with('"')
    {
        let name = name.trim_start_matches('$');
        return Some(format!("Argument {index} of function \"{name}\"{MISMATCH}"));
    }
    if let Some(counts) = rest.strip_prefix("Argument count mismatch: expected ") {
        let (wanted, got) = counts.split_once(", got ")?;
        let (wanted, got) = (wanted.parse().ok()?, got.parse().ok()?);
        let (name, index) = signatures::miscounting(&references.functions, wanted, got)?;
        return Some(format!("Argument {index} of function \"{name}\"{MISMATCH}"));
    }
    let (index, wanted) = rest.strip_prefix("Argument ")?.split_once(" must be ")?;
    let number: usize = index.parse().ok().filter(|number| *number > 0)?;
    let function = signatures::refusing(&references.functions, number, wanted)?;
    let Some(kind) = wanted.strip_prefix("an array of ") else {
        return Some(format!(
            "Argument {index} of function \"{function}\"{MISMATCH}"
        ));
    };
    let kind = kind.to_lowercase();
    Some(format!(
        "Argument {index} of function \"{function}\" must be an array of \"{kind}s\""
    ))
}

/// An error of the parser.
///
/// AWS: diagnostics show it without its code.
pub(super) fn syntax(message: &str) -> String {
    let message = message.strip_prefix("Invalid syntax: ").unwrap_or(message);
    if let Some(sentence) = same_fault(message) {
        return sentence;
    }
    match coded(message) {
        Some(("S0201", rest)) => rest.strip_prefix("Syntax error: ").map_or_else(
            || rest.to_owned(),
            |token| format!("Syntax error: {}", symbol(token)),
        ),
        Some(("S0103", rest)) => rest.rsplit_once('\\').map_or_else(
            || rest.to_owned(),
            |(text, escaped)| format!("{text}\\{}", Value::from(escaped)),
        ),
        Some(("S0202", rest)) => rest
            .strip_prefix("Expected ")
            .and_then(|rest| rest.split_once(", got "))
            .map_or_else(
                || rest.to_owned(),
                |(wanted, got)| format!("Expected {}, got {}", symbol(wanted), symbol(got)),
            ),
        Some(("S0203", rest)) => rest
            .strip_prefix("Expected ")
            .and_then(|rest| rest.strip_suffix(" before end of expression"))
            .map_or_else(
                || rest.to_owned(),
                |wanted| format!("Expected {} before end of expression", symbol(wanted)),
            ),
        Some(("S0211", rest)) => rest
            .strip_prefix("The symbol ")
            .and_then(|rest| rest.split_once(' '))
            .map_or_else(
                || rest.to_owned(),
                |(token, rest)| format!("The symbol {} {rest}", symbol(token)),
            ),
        Some((_, rest)) => rest.to_owned(),
        None => message.to_owned(),
    }
}

/// The reference's sentence for a fault that the crate says in words of its own.
fn same_fault(message: &str) -> Option<String> {
    let (_, text) = coded(message).unwrap_or(("", message));
    if text.starts_with("Unclosed comment") {
        return Some("Comment has no closing tag".to_owned());
    }
    if let Some(operator) = text.strip_prefix("Expected a variable reference after ") {
        return Some(format!(
            "The right side of {} must be a variable name (start with $)",
            Value::from(operator)
        ));
    }
    text.strip_prefix("Unknown operator: ")
        .map(|operator| format!("Unknown operator: {}", Value::from(operator)))
}

/// Code and text of `T1006: Attempted ...`.
fn coded(message: &str) -> Option<(&str, &str)> {
    let (code, rest) = message.split_once(": ")?;
    let is_code = code.len() == 5
        && code.starts_with(|c: char| c.is_ascii_uppercase())
        && code[1..].bytes().all(|byte| byte.is_ascii_digit());
    is_code.then_some((code, rest))
}

/// A token as the reference shows it, from the crate's name for it.
fn symbol(token: &str) -> String {
    const SYMBOLS: [(&str, &str); 36] = [
        ("At", "@"),
        ("Hash", "#"),
        ("RightParen", ")"),
        ("LeftParen", "("),
        ("RightBracket", "]"),
        ("LeftBracket", "["),
        ("RightBrace", "}"),
        ("LeftBrace", "{"),
        ("Comma", ","),
        ("Semicolon", ";"),
        ("Colon", ":"),
        ("ColonEqual", ":="),
        ("TildeArrow", "~>"),
        ("Question", "?"),
        ("QuestionQuestion", "?"),
        ("QuestionColon", "?"),
        ("Plus", "+"),
        ("Minus", "-"),
        ("Star", "*"),
        ("StarStar", "**"),
        ("Slash", "/"),
        ("Percent", "%"),
        ("Equal", "="),
        ("NotEqual", "!="),
        ("LessThan", "<"),
        ("LessThanOrEqual", "<="),
        ("GreaterThan", ">"),
        ("GreaterThanOrEqual", ">="),
        ("And", "and"),
        ("Or", "or"),
        ("In", "in"),
        ("Ampersand", "&"),
        ("Dot", "."),
        ("DotDot", ".."),
        ("Caret", "^"),
        ("Pipe", "|"),
    ];
    // A value is shown as it is, a symbol in quotes.
    if let "True" | "False" | "Null" = token {
        return token.to_lowercase();
    }
    if let Some((_, symbol)) = SYMBOLS.iter().find(|(name, _)| *name == token) {
        return Value::from(*symbol).to_string();
    }
    // `Number(1.0)`, `Identifier("a")`: what is between the parentheses.
    let Some((kind, rest)) = token.split_once('(') else {
        return token.to_owned();
    };
    let content = rest.strip_suffix(')').unwrap_or(rest);
    match kind {
        "Number" => content.strip_suffix(".0").unwrap_or(content).to_owned(),
        _ => content.to_owned(),
    }
}
