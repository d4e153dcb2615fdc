//! Reads the text of one service.
//!
//! An action a line, `NAME OUTPUT INPUT`, with shapes written as follows.
//!
//! | written | shape |
//! |---|---|
//! | `{name=SHAPE name!=SHAPE}` | structure; `!` marks a required member |
//! | `[SHAPE]` | list |
//! | `(KEY VALUE)` | map |
//! | `e<A\|B>` | text with allowed values |
//! | `t` `n` `b` `B` `d` `o` | text, number, boolean, blob, timestamp, any document |
//! | `#N` | the N-th structure, list, map or enumeration of the service, from 0, counted as they open |
//! | `-` | the action has none |
//!
//! `MIN:MAX` may follow a text, number, blob or list; either may be left out.

use super::{Action, Bounds, Member, Service, Shape, ShapeId};

/// The service, or `None` if the text is not of the form above.
pub(super) fn service(text: &str) -> Option<Service> {
    let mut reader = Reader {
        rest: text,
        shapes: Vec::new(),
        numbered: Vec::new(),
    };
    let mut actions = Vec::new();
    while !reader.rest.is_empty() {
        let name = reader.until(' ')?.to_owned();
        let output = reader.action_shape()?;
        reader.take(' ')?;
        let input = reader.action_shape()?;
        reader.take('\n')?;
        actions.push(Action {
            name,
            output,
            input,
        });
    }
    Some(Service {
        actions,
        shapes: reader.shapes,
    })
}

struct Reader<'a> {
    rest: &'a str,
    shapes: Vec<Shape>,
    /// What `#N` means.
    numbered: Vec<ShapeId>,
}

impl<'a> Reader<'a> {
    fn action_shape(&mut self) -> Option<Option<ShapeId>> {
        if self.take('-').is_some() {
            return Some(None);
        }
        self.shape().map(Some)
    }

    /// Recursion is as deep as the shapes of the packed models are nested.
    fn shape(&mut self) -> Option<ShapeId> {
        let kind = self.rest.chars().next()?;
        self.rest = &self.rest[kind.len_utf8()..];
        match kind {
            '{' => self.structure(),
            '[' => {
                let id = self.open();
                let member = self.shape()?;
                self.take(']')?;
                let length = self.bounds()?;
                Some(self.close(id, Shape::List { member, length }))
            }
            '(' => {
                let id = self.open();
                self.shape()?;
                self.take(' ')?;
                let value = self.shape()?;
                self.take(')')?;
                Some(self.close(id, Shape::Map { value }))
            }
            'e' => {
                let id = self.open();
                self.take('<')?;
                let allowed = self.until('>')?.split('|').map(str::to_owned).collect();
                Some(self.close(id, Shape::Enumeration { allowed }))
            }
            '#' => {
                let number = self.word().parse::<usize>().ok()?;
                self.numbered.get(number).copied()
            }
            _ => {
                let bounds = self.bounds()?;
                self.shapes.push(match kind {
                    't' => Shape::Text { length: bounds },
                    'n' => Shape::Number { value: bounds },
                    'B' => Shape::Blob { length: bounds },
                    'b' => Shape::Boolean,
                    'd' => Shape::Timestamp,
                    'o' => Shape::Document,
                    _ => return None,
                });
                Some(ShapeId(self.shapes.len() - 1))
            }
        }
    }

    fn structure(&mut self) -> Option<ShapeId> {
        let id = self.open();
        let mut members = Vec::new();
        while self.take('}').is_none() {
            if !members.is_empty() {
                self.take(' ')?;
            }
            let name = self.until('=')?;
            let (name, is_required) = name
                .strip_suffix('!')
                .map_or((name, false), |name| (name, true));
            let shape = self.shape()?;
            members.push(Member {
                name: name.to_owned(),
                shape,
                is_required,
            });
        }
        Some(self.close(id, Shape::Structure { members }))
    }

    /// Takes a place before the parts are read: a shape may contain itself.
    fn open(&mut self) -> ShapeId {
        let id = ShapeId(self.shapes.len());
        self.shapes.push(Shape::Document);
        self.numbered.push(id);
        id
    }

    fn close(&mut self, id: ShapeId, shape: Shape) -> ShapeId {
        self.shapes[id.0] = shape;
        id
    }

    fn bounds(&mut self) -> Option<Bounds> {
        let (min, max) = match self.word() {
            "" => return Some(Bounds::default()),
            word => word.split_once(':')?,
        };
        let bound = |text: &str| match text {
            "" => Some(None),
            text => text.parse::<f64>().ok().map(Some),
        };
        Some(Bounds {
            min: bound(min)?,
            max: bound(max)?,
        })
    }

    /// Up to where a shape ends.
    fn word(&mut self) -> &'a str {
        let end = self.rest.find([' ', '}', ']', ')', '\n']);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        word
    }

    fn until(&mut self, end: char) -> Option<&'a str> {
        let (before, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(before)
    }

    fn take(&mut self, c: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(c)?;
        Some(())
    }
}
