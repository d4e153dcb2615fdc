//! The value of an output, for protocols that write an instant in another way than JSON does.

use std::fmt;

use serde::ser::{self, Impossible, Serialize, Serializer};

use crate::EpochSeconds;

/// A value with its members in the order of the shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Seconds since 1970.
    Moment(f64),
    Text(String),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

impl Tree {
    /// The value of a generated shape.
    pub(crate) fn of(output: &impl Serialize) -> Tree {
        output
            .serialize(Writer)
            .expect("a generated shape is made of what the writer takes")
    }
}

/// What no generated shape has.
#[derive(Debug)]
pub(crate) struct Unknown(String);

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unknown {}

impl ser::Error for Unknown {
    fn custom<T: fmt::Display>(text: T) -> Unknown {
        Unknown(text.to_string())
    }
}

fn unknown<T>(kind: &str) -> Result<T, Unknown> {
    Err(Unknown(format!("{kind} is not written")))
}

struct Writer;

impl Serializer for Writer {
    type Ok = Tree;
    type Error = Unknown;
    type SerializeSeq = List;
    type SerializeTuple = Impossible<Tree, Unknown>;
    type SerializeTupleStruct = Impossible<Tree, Unknown>;
    type SerializeTupleVariant = Impossible<Tree, Unknown>;
    type SerializeMap = Members;
    type SerializeStruct = Members;
    type SerializeStructVariant = Impossible<Tree, Unknown>;

    fn serialize_bool(self, value: bool) -> Result<Tree, Unknown> {
        Ok(Tree::Bool(value))
    }

    fn serialize_i8(self, value: i8) -> Result<Tree, Unknown> {
        Ok(Tree::Int(value.into()))
    }

    fn serialize_i16(self, value: i16) -> Result<Tree, Unknown> {
        Ok(Tree::Int(value.into()))
    }

    fn serialize_i32(self, value: i32) -> Result<Tree, Unknown> {
        Ok(Tree::Int(value.into()))
    }

    fn serialize_i64(self, value: i64) -> Result<Tree, Unknown> {
        Ok(Tree::Int(value))
    }

    fn serialize_u8(self, value: u8) -> Result<Tree, Unknown> {
        Ok(Tree::Int(value.into()))
    }

    fn serialize_u16(self, value: u16) -> Result<Tree, Unknown> {
        Ok(Tree::Int(value.into()))
    }

    fn serialize_u32(self, value: u32) -> Result<Tree, Unknown> {
        Ok(Tree::Int(value.into()))
    }

    fn serialize_u64(self, value: u64) -> Result<Tree, Unknown> {
        Ok(i64::try_from(value).map_or(Tree::Float(value as f64), Tree::Int))
    }

    fn serialize_f32(self, value: f32) -> Result<Tree, Unknown> {
        Ok(Tree::Float(value.into()))
    }

    fn serialize_f64(self, value: f64) -> Result<Tree, Unknown> {
        Ok(Tree::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<Tree, Unknown> {
        Ok(Tree::Text(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Tree, Unknown> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Tree, Unknown> {
        unknown("bytes")
    }

    fn serialize_none(self) -> Result<Tree, Unknown> {
        Ok(Tree::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Tree, Unknown> {
        value.serialize(Writer)
    }

    fn serialize_unit(self) -> Result<Tree, Unknown> {
        Ok(Tree::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Tree, Unknown> {
        Ok(Tree::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Tree, Unknown> {
        Ok(Tree::Text(variant.to_owned()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Tree, Unknown> {
        match (name, value.serialize(Writer)?) {
            (EpochSeconds::NAME, Tree::Float(seconds)) => Ok(Tree::Moment(seconds)),
            (_, tree) => Ok(tree),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Tree, Unknown> {
        unknown("a variant with a value")
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<List, Unknown> {
        Ok(List(Vec::with_capacity(length.unwrap_or_default())))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unknown> {
        unknown("a tuple")
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unknown> {
        unknown("a tuple")
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unknown> {
        unknown("a variant with values")
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Members, Unknown> {
        Ok(Members {
            members: Vec::with_capacity(length.unwrap_or_default()),
            key: None,
        })
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Members, Unknown> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unknown> {
        unknown("a variant with values")
    }
}

struct List(Vec<Tree>);

impl ser::SerializeSeq for List {
    type Ok = Tree;
    type Error = Unknown;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unknown> {
        self.0.push(value.serialize(Writer)?);
        Ok(())
    }

    fn end(self) -> Result<Tree, Unknown> {
        Ok(Tree::List(self.0))
    }
}

struct Members {
    members: Vec<(String, Tree)>,
    key: Option<String>,
}

impl ser::SerializeMap for Members {
    type Ok = Tree;
    type Error = Unknown;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unknown> {
        match key.serialize(Writer)? {
            Tree::Text(key) => self.key = Some(key),
            _ => return unknown("a key that is no text"),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unknown> {
        let Some(key) = self.key.take() else {
            return unknown("a value without a key");
        };
        self.members.push((key, value.serialize(Writer)?));
        Ok(())
    }

    fn end(self) -> Result<Tree, Unknown> {
        Ok(Tree::Map(self.members))
    }
}

impl ser::SerializeStruct for Members {
    type Ok = Tree;
    type Error = Unknown;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Unknown> {
        self.members
            .push((key.to_owned(), value.serialize(Writer)?));
        Ok(())
    }

    fn end(self) -> Result<Tree, Unknown> {
        Ok(Tree::Map(self.members))
    }
}
