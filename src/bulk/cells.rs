//! The cells of a CSV record as the fields of a row.
//!
//! A cell holds text, a number, a yes or no, or, where the field is a list or an object, JSON. An empty cell is a field that was left out.

use std::collections::VecDeque;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use serde_json::Error;

use crate::error::Text;

/// The cells of one record, each with the name of its field.
pub struct Cells<'a>(VecDeque<(&'a str, &'a str)>);

impl<'a> Cells<'a> {
    /// The cells that hold something.
    pub fn of(cells: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(cells.into_iter().filter(|(_, cell)| !cell.trim().is_empty()).collect())
    }
}

impl<'de> Deserializer<'de> for Cells<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Cells<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let name: Option<StrDeserializer<'_, Error>> = self.0.front().map(|(name, _)| (*name).into_deserializer());
        name.map(|name| seed.deserialize(name)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (_, cell) = self.0.pop_front().ok_or_else(|| Error::custom("a cell without a heading"))?;
        seed.deserialize(Cell(cell.trim()))
    }
}

struct Cell<'a>(&'a str);

fn unfit(en: &str, zh: &str) -> Error {
    Error::custom(Text::new(en, zh).joined())
}

macro_rules! numbers {
    ($($read:ident $visit:ident $kind:ty;)+) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.0.parse::<$kind>().map_err(|_| unfit("must be a whole number, digits only", "须为整数，只填数字"))?)
        }
    )+};
}

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            "true" | "TRUE" | "1" | "是" | "√" => visitor.visit_bool(true),
            "false" | "FALSE" | "0" | "否" | "×" => visitor.visit_bool(false),
            _ => Err(unfit("must be yes or no: true, false, 1, 0, 是 or 否", "须填 是 或 否（或 true、false、1、0）")),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let text: StrDeserializer<'_, Error> = self.0.into_deserializer();
        text.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.0).deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.0).deserialize_map(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        serde_json::Deserializer::from_str(self.0).deserialize_struct(name, fields, visitor)
    }

    numbers! {
        deserialize_i8 visit_i8 i8; deserialize_i16 visit_i16 i16; deserialize_i32 visit_i32 i32; deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8; deserialize_u16 visit_u16 u16; deserialize_u32 visit_u32 u32; deserialize_u64 visit_u64 u64;
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Row {
        name: String,
        #[serde(default)]
        wage: Option<i64>,
        #[serde(default)]
        in_post: bool,
        #[serde(default)]
        groups: Vec<String>,
    }

    fn read(cells: &[(&str, &str)]) -> Result<Row, String> {
        Row::deserialize(Cells::of(cells.iter().copied())).map_err(|error| error.to_string())
    }

    #[test]
    fn a_cell_is_read_as_its_field_wants_it() {
        let row = Row { name: "张三".to_owned(), wage: Some(4200), in_post: true, groups: vec!["lifted".to_owned()] };
        let cells = [("name", " 张三 "), ("wage", "4200"), ("in_post", "是"), ("groups", "[\"lifted\"]")];
        assert_eq!(read(&cells), Ok(row));
        assert_eq!(read(&[("name", "12")]).map(|row| row.name), Ok("12".to_owned()));
    }

    #[test]
    fn an_empty_cell_is_a_field_left_out() {
        let row = read(&[("name", "李四"), ("wage", " "), ("in_post", ""), ("groups", "")]).unwrap();
        assert_eq!((row.wage, row.in_post, row.groups.len()), (None, false, 0));
        assert!(read(&[("name", "")]).unwrap_err().contains("missing field `name`"));
    }

    #[test]
    fn a_cell_that_does_not_fit_says_what_would() {
        for (field, cell, words) in
            [("wage", "四千", "whole number"), ("in_post", "也许", "yes or no"), ("groups", "lifted", "expected")]
        {
            let told = read(&[("name", "王五"), (field, cell)]).unwrap_err();
            assert!(told.contains(words), "{field} {cell}: {told}");
        }
    }
}
