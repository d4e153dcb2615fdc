//! A rule of a mask: the steps of a path, and how far values have come on it.

/// Steps of a rule.
const STEPS_MAX: usize = 20;

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    /// Any member or element.
    Any,
    Index(usize),
    /// Any number of steps, none too.
    AnyDepth,
}

/// Reads a rule.
pub(super) fn steps(rule: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = match rule.strip_prefix('$') {
        Some(rest) => rest,
        None if rule.starts_with("**") => rule,
        None => return Err("must begin with $ or with **".to_string()),
    };
    if let Some(after) = rest.strip_prefix("**") {
        steps.push(Step::AnyDepth);
        rest = after;
    }
    while !rest.is_empty() {
        let (step, after) = step(rest)?;
        if steps.len() >= STEPS_MAX {
            return Err(format!("has more than {STEPS_MAX} steps"));
        }
        steps.push(step);
        rest = after;
    }
    if is_at_end(&steps) {
        return Err("names no field".to_string());
    }
    Ok(steps)
}

fn step(rest: &str) -> Result<(Step, &str), String> {
    if let Some(inside) = rest.strip_prefix('[') {
        for quote in ['\'', '"'] {
            if let Some(name) = inside.strip_prefix(quote) {
                let (name, after) = name.split_once(&format!("{quote}]")).ok_or("lacks a ]")?;
                if name.is_empty() {
                    return Err("has an empty name".to_string());
                }
                return Ok((Step::Name(name.to_string()), after));
            }
        }
        let (index, after) = inside.split_once(']').ok_or("lacks a ]")?;
        let step = match index {
            "*" => Step::Any,
            index => Step::Index(index.parse().map_err(|_| {
                format!("has [{index}], and [*], a number or a name in quotation marks is allowed")
            })?),
        };
        return Ok((step, after));
    }
    let Some(name) = rest.strip_prefix('.') else {
        return Err(format!("has {rest:?} where . or [ is expected"));
    };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (name, after) = name.split_at(end);
    Ok(match name {
        "" => return Err("has an empty name".to_string()),
        "*" => (Step::Any, after),
        "**" => (Step::AnyDepth, after),
        name if name.contains(['*', ']', ' ']) => {
            return Err(format!("has the name {name:?}; write it as ['{name}']"));
        }
        name => (Step::Name(name.to_string()), after),
    })
}

/// What is left of rules after one step that `takes` accepts.
pub(super) fn stepped<'r>(rules: &[&'r [Step]], takes: &dyn Fn(&Step) -> bool) -> Vec<&'r [Step]> {
    let mut left = Vec::new();
    for rule in rules {
        let mut rule = *rule;
        // Any depth may take this step and stay, or end here.
        while let Some((Step::AnyDepth, rest)) = rule.split_first() {
            left.push(rule);
            rule = rest;
        }
        if let Some((first, rest)) = rule.split_first()
            && takes(first)
        {
            left.push(rest);
        }
    }
    left
}

pub(super) fn is_at_end(rule: &[Step]) -> bool {
    rule.iter().all(|step| *step == Step::AnyDepth)
}

/// Whether a rule means the value at a path of names.
pub(super) fn is_at(rule: &[Step], path: &[&str]) -> bool {
    let mut rules = vec![rule];
    for name in path {
        let index = name.parse();
        let mut left = stepped(&rules, &|step| match step {
            Step::Name(wanted) => wanted == name,
            Step::Index(wanted) => index == Ok(*wanted),
            step => *step == Step::Any,
        });
        if index.is_ok() {
            left.extend(
                rules
                    .iter()
                    .filter(|rule| matches!(rule.first(), Some(Step::Name(_)))),
            );
        }
        rules = left;
        if rules.iter().any(|rule| is_at_end(rule)) {
            return true;
        }
    }
    false
}

pub(super) fn last_name(rule: &[Step]) -> Option<&str> {
    rule.iter().rev().find_map(|step| match step {
        Step::Name(name) => Some(name.as_str()),
        _ => None,
    })
}
