//! A template over a request.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::methods::MUTATORS;
use super::operators::{binary, is_true};
use super::render::{shown, weight};
use super::{Expression, Failure, Node, Operator, Reference, Rendered, Step, Target, World};
use crate::json_path::JsonPath;

/// Steps of one evaluation.
pub const STEPS_MAX: usize = 1_000_000;

/// Bytes of all texts and values that one evaluation makes.
pub const MADE_BYTES_MAX: usize = 64 << 20;

/// Bytes of what a template gives. AWS: a payload has at most 10 MB.
pub const OUTPUT_BYTES_MAX: usize = 10 << 20;

/// Iterations of one `#foreach`. AWS: 1,000.
pub const FOREACH_ITERATIONS_MAX: usize = 1_000;

/// Levels of a value that a template makes.
const VALUE_DEPTH_MAX: usize = 100;

pub(super) fn evaluate(block: &[Node], world: &World<'_>) -> Result<Rendered, Failure> {
    let mut machine = Machine {
        world,
        variables: BTreeMap::new(),
        steps: 0,
        made: 0,
        rendered: Rendered::default(),
    };
    let mut text = String::new();
    machine.block(block, &mut text)?;
    machine.rendered.text = text;
    Ok(machine.rendered)
}

pub(super) struct Machine<'w> {
    world: &'w World<'w>,
    variables: BTreeMap<String, Rc<Value>>,
    steps: usize,
    made: usize,
    rendered: Rendered,
}

/// What an expression gives; `None` where there is nothing.
pub(super) type Found = Result<Option<Rc<Value>>, Failure>;

fn bound(what: &str, limit: usize) -> Failure {
    Failure::Bound(format!("the template goes over {limit} {what}"))
}

impl Machine<'_> {
    fn step(&mut self) -> Result<(), Failure> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            return Err(bound("steps", STEPS_MAX));
        }
        Ok(())
    }

    pub(super) fn make(&mut self, bytes: usize) -> Result<(), Failure> {
        self.made = self.made.saturating_add(bytes);
        if self.made > MADE_BYTES_MAX {
            return Err(bound("bytes of values", MADE_BYTES_MAX));
        }
        Ok(())
    }

    /// A value that was made: counted, and not too deep.
    pub(super) fn made(&mut self, value: Value) -> Found {
        let (bytes, depth) = weight(&value);
        self.make(bytes)?;
        if depth > VALUE_DEPTH_MAX {
            return Err(bound("levels of a value", VALUE_DEPTH_MAX));
        }
        Ok(Some(Rc::new(value)))
    }

    fn block(&mut self, block: &[Node], out: &mut String) -> Result<(), Failure> {
        for node in block {
            self.step()?;
            match node {
                Node::Text(text) => self.write(text, out)?,
                Node::Reference(reference) => self.write_reference(reference, out)?,
                Node::Set(target, value) => self.set(target, value)?,
                Node::If(arms, otherwise) => {
                    let mut chosen = otherwise;
                    for (condition, block) in arms {
                        if is_true(self.expression(condition)?.as_deref()) {
                            chosen = block;
                            break;
                        }
                    }
                    self.block(chosen, out)?;
                }
                Node::Foreach(name, list, block) => self.foreach(name, list, block, out)?,
            }
        }
        Ok(())
    }

    fn write(&mut self, text: &str, out: &mut String) -> Result<(), Failure> {
        self.make(text.len())?;
        if out.len() + text.len() > OUTPUT_BYTES_MAX {
            return Err(bound("bytes of output", OUTPUT_BYTES_MAX));
        }
        out.push_str(text);
        Ok(())
    }

    fn write_reference(&mut self, reference: &Reference, out: &mut String) -> Result<(), Failure> {
        match self.reference(reference)? {
            Some(value) => {
                let text = shown(&value);
                self.write(&text, out)
            }
            // AWS: nothing is written for what is not there, and an unknown variable is text.
            None if self.is_unknown(&reference.name) && !reference.source.starts_with("$!") => {
                self.write(&reference.source, out)
            }
            None => Ok(()),
        }
    }

    fn is_unknown(&self, name: &str) -> bool {
        !matches!(name, "input" | "util" | "context" | "stageVariables")
            && !self.variables.contains_key(name)
    }

    fn set(&mut self, target: &Target, value: &Expression) -> Result<(), Failure> {
        let value = self.expression(value)?;
        match target {
            Target::Variable(name) => {
                // Velocity: nothing is set to nothing; API Gateway's `null` is a value.
                let value = value.unwrap_or_else(|| Rc::new(Value::Null));
                self.variables.insert(name.clone(), value);
            }
            Target::Member(name, member) => {
                let value = value.map_or(Value::Null, |value| value.as_ref().clone());
                self.put(name, Value::String(member.clone()), value)?;
            }
            Target::ResponseStatus => {
                let text = value
                    .map(|value| shown(&value).into_owned())
                    .unwrap_or_default();
                let status = text
                    .parse()
                    .ok()
                    .filter(|status| (100..600).contains(status));
                self.rendered.status = Some(
                    status
                        .ok_or_else(|| Failure::Unbuilt(format!("'{text}' is no HTTP status")))?,
                );
            }
            Target::ResponseHeader(name) => {
                let text = value
                    .map(|value| shown(&value).into_owned())
                    .unwrap_or_default();
                if self.rendered.headers.len() >= crate::HEADERS_MAX {
                    return Err(bound("headers", crate::HEADERS_MAX));
                }
                self.rendered.headers.push((name.clone(), text));
            }
        }
        Ok(())
    }

    fn foreach(
        &mut self,
        name: &str,
        list: &Expression,
        block: &[Node],
        out: &mut String,
    ) -> Result<(), Failure> {
        let Some(list) = self.expression(list)? else {
            return Ok(());
        };
        let items: Vec<&Value> = match list.as_ref() {
            Value::Array(items) => items.iter().collect(),
            Value::Object(members) => members.values().collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        };
        if items.len() > FOREACH_ITERATIONS_MAX {
            return Err(bound("iterations of #foreach", FOREACH_ITERATIONS_MAX));
        }
        let count = items.len();
        let before = [name, "foreach", "velocityCount"]
            .map(|name| (name, self.variables.get(name).cloned()));
        for (at, item) in items.into_iter().enumerate() {
            self.step()?;
            let item = self.made(item.clone())?;
            self.variables
                .extend(item.map(|item| (name.to_owned(), item)));
            let place = json!({
                "index": at, "count": at + 1, "hasNext": at + 1 < count,
                "first": at == 0, "last": at + 1 == count,
            });
            self.variables.insert("foreach".to_owned(), Rc::new(place));
            let number = Rc::new(json!(at + 1));
            self.variables.insert("velocityCount".to_owned(), number);
            self.block(block, out)?;
        }
        for (name, value) in before {
            match value {
                Some(value) => drop(self.variables.insert(name.to_owned(), value)),
                None => drop(self.variables.remove(name)),
            }
        }
        Ok(())
    }

    fn expression(&mut self, expression: &Expression) -> Found {
        self.step()?;
        match expression {
            Expression::Literal(Value::Null) => Ok(None),
            Expression::Literal(value) => self.made(value.clone()),
            Expression::Interpolated(block) => {
                let mut text = String::new();
                self.block(block, &mut text)?;
                Ok(Some(Rc::new(Value::String(text))))
            }
            Expression::Reference(reference) => self.reference(reference),
            Expression::List(items) => {
                let mut list = Vec::new();
                for item in items {
                    list.push(self.owned(item)?);
                }
                self.made(Value::Array(list))
            }
            Expression::Range(first, last) => self.range(first, last),
            Expression::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    let key = self.owned(key)?;
                    map.insert(shown(&key).into_owned(), self.owned(value)?);
                }
                self.made(Value::Object(map))
            }
            Expression::Not(inner) => {
                let value = self.expression(inner)?;
                Ok(Some(Rc::new(Value::Bool(!is_true(value.as_deref())))))
            }
            Expression::Negative(inner) => {
                let value = self.expression(inner)?;
                Ok(binary(Operator::Minus, Some(&json!(0)), value.as_deref()).map(Rc::new))
            }
            Expression::Binary(operator, left, right) => {
                let left = self.expression(left)?;
                match (operator, is_true(left.as_deref())) {
                    (Operator::And, false) => return Ok(Some(Rc::new(Value::Bool(false)))),
                    (Operator::Or, true) => return Ok(Some(Rc::new(Value::Bool(true)))),
                    _ => {}
                }
                let right = self.expression(right)?;
                match binary(*operator, left.as_deref(), right.as_deref()) {
                    Some(value) => self.made(value),
                    None => Ok(None),
                }
            }
        }
    }

    fn owned(&mut self, expression: &Expression) -> Result<Value, Failure> {
        let value = self.expression(expression)?;
        let Some(value) = value else {
            return Ok(Value::Null);
        };
        // Counted before it is copied.
        self.make(weight(&value).0)?;
        Ok(value.as_ref().clone())
    }

    fn range(&mut self, first: &Expression, last: &Expression) -> Found {
        let ends = [self.expression(first)?, self.expression(last)?]
            .map(|end| end.and_then(|end| end.as_i64()));
        let [Some(first), Some(last)] = ends else {
            return Ok(None);
        };
        let length = first.abs_diff(last);
        if length >= FOREACH_ITERATIONS_MAX as u64 {
            return Err(bound("numbers of a range", FOREACH_ITERATIONS_MAX));
        }
        let numbers: Vec<Value> = match first <= last {
            true => (first..=last).map(Value::from).collect(),
            false => (last..=first).rev().map(Value::from).collect(),
        };
        self.made(Value::Array(numbers))
    }

    fn reference(&mut self, reference: &Reference) -> Found {
        self.step()?;
        let world = self.world;
        let (name, steps) = (reference.name.as_str(), reference.steps.as_slice());
        match (name, steps.split_first()) {
            ("input", Some((Step::Method(method, arguments), rest))) => {
                let arguments = self.arguments(arguments)?;
                match self.input(method, &arguments)? {
                    Some(value) => self.walk(&value, rest),
                    None => self.walk_nothing(rest),
                }
            }
            ("input", Some((_, rest))) => {
                self.make(world.body.len())?;
                self.walk(&Value::String(world.body.to_owned()), rest)
            }
            ("util", Some((Step::Method(method, arguments), rest))) => {
                let arguments = self.arguments(arguments)?;
                match self.util(method, &arguments)? {
                    Some(value) => self.walk(&value, rest),
                    None => self.walk_nothing(rest),
                }
            }
            ("context", _) => self.walk(world.context, steps),
            ("stageVariables", _) => self.walk(world.stage_variables, steps),
            (_, Some((Step::Method(method, arguments), _)))
                if MUTATORS.contains(&method.as_str()) =>
            {
                let arguments = self.arguments(arguments)?;
                self.change(name, method, arguments)
            }
            _ => match self.variables.get(name).cloned() {
                Some(value) => self.walk(&value, steps),
                None => Ok(None),
            },
        }
    }

    fn arguments(&mut self, arguments: &[Expression]) -> Result<Vec<Value>, Failure> {
        arguments.iter().map(|one| self.owned(one)).collect()
    }

    /// What the steps lead to from a value.
    fn walk(&mut self, from: &Value, steps: &[Step]) -> Found {
        let Some((step, rest)) = steps.split_first() else {
            if from.is_null() {
                return Ok(None);
            }
            self.make(weight(from).0)?;
            return Ok(Some(Rc::new(from.clone())));
        };
        self.step()?;
        match step {
            Step::Property(name) => match (from, name.as_str()) {
                (Value::Object(members), _) if members.contains_key(name) => {
                    self.walk(&members[name], rest)
                }
                (Value::String(_) | Value::Array(_) | Value::Object(_), "empty") => {
                    let is_empty = self.method(from, "isEmpty", &[])?;
                    self.walk_found(is_empty, rest)
                }
                _ => self.walk_nothing(rest),
            },
            Step::Index(index) => {
                let index = self.expression(index)?;
                let child = match (from, index.as_deref()) {
                    (Value::Array(items), Some(Value::Number(at))) => at
                        .as_i64()
                        .and_then(|at| usize::try_from(at).ok())
                        .and_then(|at| items.get(at)),
                    (Value::Object(members), Some(key)) => members.get(shown(key).as_ref()),
                    _ => None,
                };
                match child {
                    Some(child) => self.walk(child, rest),
                    None => self.walk_nothing(rest),
                }
            }
            Step::Method(name, arguments) => {
                let arguments = self.arguments(arguments)?;
                let found = self.method(from, name, &arguments)?;
                self.walk_found(found, rest)
            }
        }
    }

    fn walk_found(&mut self, found: Option<Rc<Value>>, rest: &[Step]) -> Found {
        match found {
            Some(value) => self.walk(&value, rest),
            None => self.walk_nothing(rest),
        }
    }

    /// Methods of nothing give nothing; what they are given is still looked at, so that its bounds hold.
    fn walk_nothing(&mut self, rest: &[Step]) -> Found {
        for step in rest {
            if let Step::Method(_, arguments) = step {
                self.arguments(arguments)?;
            }
        }
        Ok(None)
    }

    fn input(&mut self, method: &str, arguments: &[Value]) -> Found {
        let world = self.world;
        let argument = arguments.first().map(|value| shown(value).into_owned());
        if method == "params" {
            let Some(name) = argument else {
                return self.made(world.params.clone());
            };
            // AWS: looked for in the path, then in the query, then in the headers.
            let places = ["path", "querystring", "header"];
            let found = places.iter().find_map(|place| {
                let values = world.params[*place].as_object()?;
                match *place {
                    "header" => values
                        .iter()
                        .find(|(header, _)| header.eq_ignore_ascii_case(&name))
                        .map(|(_, value)| value),
                    _ => values.get(&name),
                }
            });
            // AWS: an absent parameter is an empty text.
            return self.made(
                found
                    .cloned()
                    .unwrap_or_else(|| Value::String(String::new())),
            );
        }
        let path = argument.unwrap_or_else(|| "$".to_owned());
        let path = JsonPath::parse(&path).map_err(Failure::Unbuilt)?;
        let root = world.json()?;
        // Selecting copies: counted as if it were all of it.
        self.make(world.body.len())?;
        let selected = path.select(root);
        match method {
            "path" => match selected {
                Some(value) => self.made(value),
                None => Ok(None),
            },
            // AWS: `json` of nothing is an empty text in quotes.
            _ => {
                let text = selected.map_or_else(|| "\"\"".to_owned(), |value| value.to_string());
                self.made(Value::String(text))
            }
        }
    }

    fn change(&mut self, name: &str, method: &str, arguments: Vec<Value>) -> Found {
        let mut arguments = arguments.into_iter();
        match (method, arguments.next(), arguments.next()) {
            ("put", Some(key), Some(value)) => self.put(name, key, value).map(|()| None),
            ("add", Some(item), None) => {
                let Some(Value::Array(items)) = self.variable(name)? else {
                    return Err(Failure::Unbuilt(format!(
                        "add() needs that ${name} is a list"
                    )));
                };
                items.push(item);
                self.check_depth(name)?;
                Ok(None)
            }
            _ => Err(Failure::Unbuilt(format!("{method}() with these arguments"))),
        }
    }

    fn put(&mut self, name: &str, key: Value, value: Value) -> Result<(), Failure> {
        self.make(weight(&value).0)?;
        let Some(Value::Object(members)) = self.variable(name)? else {
            return Err(Failure::Unbuilt(format!(
                "put() needs that ${name} is a map"
            )));
        };
        members.insert(shown(&key).into_owned(), value);
        self.check_depth(name)
    }

    /// A variable's value to be changed; shared ones are copied first.
    fn variable(&mut self, name: &str) -> Result<Option<&mut Value>, Failure> {
        let shared = self
            .variables
            .get(name)
            .filter(|value| Rc::strong_count(value) > 1)
            .map(|value| weight(value).0);
        self.make(shared.unwrap_or(0))?;
        Ok(self.variables.get_mut(name).map(Rc::make_mut))
    }

    fn check_depth(&mut self, name: &str) -> Result<(), Failure> {
        let Some(value) = self.variables.get(name) else {
            return Ok(());
        };
        let (bytes, depth) = weight(value);
        // Looking costs as much as making.
        self.make(bytes / 64)?;
        if depth > VALUE_DEPTH_MAX {
            return Err(bound("levels of a value", VALUE_DEPTH_MAX));
        }
        Ok(())
    }
}
