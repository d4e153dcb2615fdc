//! Functions on texts and lists.

use super::Call;
use crate::node::{Node, Value};
use crate::problem::Place;
use crate::scope::{Fault, Outcome};
use crate::sub::{Piece, pieces};

const BASE64_ALPHABET: &[u8; 64] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

impl Call<'_> {
    pub(super) fn sub(&self, argument: &Node, place: &mut Place) -> Outcome {
        let (template, variables) = match &argument.value {
            Value::Text(text) => (text, None),
            Value::List(items) => match items.as_slice() {
                [
                    Node {
                        value: Value::Text(text),
                        ..
                    },
                    map,
                ] if map.entries().is_some() => (text, Some(map)),
                _ => return self.fault("Fn::Sub takes text, or [text, map of variables]"),
            },
            _ => return self.fault("Fn::Sub takes text, or [text, map of variables]"),
        };
        let mut text = String::new();
        for piece in pieces(template) {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Literal(name) => {
                    text.push_str("${");
                    text.push_str(name);
                    text.push('}');
                }
                Piece::Variable(name) => {
                    let value = match variables.and_then(|map| map.get(name)) {
                        Some(node) => self.text(node, place)?,
                        None => self.sub_variable(name, place)?,
                    };
                    text.push_str(&value);
                }
            }
        }
        self.value(text)
    }

    fn sub_variable(&self, name: &str, place: &Place) -> Result<String, Fault> {
        let value = self.resolve_dotted(name, place)?;
        match value.as_ref().map(|node| (node.scalar(), node.kind())) {
            Some((Some(text), _)) => Ok(text),
            Some((None, kind)) => {
                self.fault(format!("Fn::Sub takes text, but ${{{name}}} is {kind}"))
            }
            None => self.fault(format!("Fn::Sub takes text, but ${{{name}}} has no value")),
        }
    }

    pub(super) fn join(&self, argument: &Node, place: &mut Place) -> Outcome {
        let [delimiter, list] = self.arguments(argument, "[delimiter, list]")?;
        let delimiter = self.text(delimiter, place)?;
        let mut texts = Vec::new();
        for item in self.list(list, place)? {
            let Some(text) = item.scalar() else {
                let message = format!("Fn::Join takes a list of texts, found {}", item.kind());
                return Err(Fault::At(item.at, message));
            };
            texts.push(text);
        }
        self.value(texts.join(&delimiter))
    }

    pub(super) fn split(&self, argument: &Node, place: &mut Place) -> Outcome {
        let [delimiter, text] = self.arguments(argument, "[delimiter, text]")?;
        let delimiter = self.text(delimiter, place)?;
        if delimiter.is_empty() {
            return self.fault("Fn::Split needs a delimiter that is not empty");
        }
        let text = self.text(text, place)?;
        let parts = text.split(&delimiter).map(|part| Node::text(self.at, part));
        Ok(Some(Node::list(self.at, parts.collect())))
    }

    pub(super) fn select(&self, argument: &Node, place: &mut Place) -> Outcome {
        let [index_node, list] = self.arguments(argument, "[index, list]")?;
        let index = self.text(index_node, place)?;
        let mut items = self.list(list, place)?;
        let Ok(position) = index.trim().parse::<usize>() else {
            let message = format!("Fn::Select takes an index from 0, found {index}");
            return Err(Fault::At(index_node.at, message));
        };
        if position >= items.len() {
            let message = format!("Fn::Select of item {position} in a list of {}", items.len());
            return Err(Fault::At(index_node.at, message));
        }
        Ok(Some(items.swap_remove(position)))
    }

    pub(super) fn length(&self, argument: &Node, place: &mut Place) -> Outcome {
        self.needs_language_extensions()?;
        let length = self.list(argument, place)?.len();
        Ok(Some(Node {
            at: self.at,
            value: Value::Number(length.to_string()),
        }))
    }

    pub(super) fn to_json_string(&self, argument: &Node, place: &mut Place) -> Outcome {
        self.needs_language_extensions()?;
        let value = self.argument(argument, place)?;
        match value.value {
            Value::List(_) | Value::Map(_) => self.value(value.to_json().to_string()),
            _ => self.fault(format!(
                "Fn::ToJsonString takes a map or a list, found {}",
                value.kind()
            )),
        }
    }

    pub(super) fn base64(&self, argument: &Node, place: &mut Place) -> Outcome {
        let text = self.text(argument, place)?;
        self.value(base64(text.as_bytes()))
    }
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0_u8; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            let padded = digit > chunk.len();
            text.push(if padded {
                '='
            } else {
                char::from(BASE64_ALPHABET[index as usize])
            });
        }
    }
    text
}
