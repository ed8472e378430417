//! Many rows handed to a statement as one value.
//!
//! A [`RowSet`] stands for one `?` in a `from` clause: `from ? r`. It writes itself there as a subquery with the columns it was given
//! and `ordinal`, the row's place from 0, and binds what the subquery needs; the text depends on the columns alone, so that one
//! prepared statement serves any number of rows.
//!
//! A table is joined to it by its **whole key**, and every part of the key comes from the rows: what all rows have in common, such as
//! the agreement, is a [`shared`](RowSet::shared) column. Then no back end can find a way into the table but the key of a row.
//! Written as `p.agreement_id = ? and p.id = r.id`, the first half would be a way in of its own: a planner without figures of the table,
//! or of an agreement that is new, takes it for a handful of rows, reads all of them, and looks for each among the rows of the call.
//! The words are `from ? r cross join placement p where …` (SQLite keeps the order of a cross join), `update … from ? r where …`, and
//! `delete … where (agreement_id, id) in (select r.agreement_id, r.id from ? r)`.
//!
//! PostgreSQL takes the rows as one JSON parameter. On SQLite a value that comes out of JSON as hexadecimal costs four times one that is
//! cut out of a packed blob, so ids and digests go there as blobs, a column each, and the rest as JSON.

use std::borrow::Cow;

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::sqlite::Sqlite;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use super::columns::{Id, Instant, Uid};
use super::statement::{Bind, Scalar, push_scalar};

/// Rows being made ready for a statement: what they are made of, and their columns so far.
#[derive(Debug, Clone)]
pub struct RowSet<T> {
    items: Vec<T>,
    rows: Rows,
}

impl<T: Copy> RowSet<T> {
    /// A row for each item.
    #[must_use]
    pub fn of(items: impl IntoIterator<Item = T>) -> Self {
        let items: Vec<T> = items.into_iter().collect();
        let rows = Rows { count: items.len(), columns: Vec::new() };
        Self { items, rows }
    }

    /// A column with a value of each item. The type of the value is that of the column.
    #[must_use]
    pub fn column<V: Cell>(mut self, name: &'static str, value: impl Fn(T) -> V) -> Self {
        let cells = V::gather(self.items.iter().map(|item| value(*item)));
        self.rows.columns.push(Column { name, kind: V::KIND, values: Values::Each(cells) });
        self
    }

    /// A column with one value for all rows.
    #[must_use]
    pub fn shared<V: Cell + Into<Scalar>>(mut self, name: &'static str, value: V) -> Self {
        self.rows.columns.push(Column { name, kind: V::KIND, values: Values::Shared(value.into()) });
        self
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

impl<V: Cell + Copy> RowSet<V> {
    /// Rows of a single column.
    #[must_use]
    pub fn list(name: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        Self::of(values).column(name, |value| value)
    }
}

impl<T> From<RowSet<T>> for Bind {
    fn from(set: RowSet<T>) -> Self {
        Self::Rows(set.rows)
    }
}

/// The SQL type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An id.
    Id,
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// True or false.
    Bool,
}

impl Kind {
    /// What PostgreSQL is told of a bind of this kind.
    fn on_postgres(self) -> &'static str {
        match self {
            Self::Id => " as uuid)",
            Self::Int => " as bigint)",
            // Texts are compared byte by byte, as the columns are.
            Self::Text => " as text) collate \"C\"",
            Self::Bytes => " as bytea)",
            Self::Bool => " as boolean)",
        }
    }
}

/// What may stand in a column of a [`RowSet`].
pub trait Cell: Sized {
    /// The SQL type.
    const KIND: Kind;

    /// The values of a column, in the order of the rows.
    fn gather(values: impl Iterator<Item = Self>) -> Cells;
}

/// The values of a column.
#[derive(Debug, Clone)]
pub struct Cells(Gathered);

#[derive(Debug, Clone)]
enum Gathered {
    /// As many bytes for each row, one behind the other.
    Packed(usize, Vec<u8>),
    Ids(Vec<Option<Id>>),
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<Cow<'static, str>>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Bools(Vec<bool>),
}

impl Cells {
    /// Of texts that the program knows.
    pub fn known(texts: impl Iterator<Item = Option<&'static str>>) -> Self {
        Self(Gathered::Texts(texts.map(|text| text.map(Cow::Borrowed)).collect()))
    }

    /// Of texts as they display.
    pub fn texts(texts: impl Iterator<Item = Option<impl ToString>>) -> Self {
        Self(Gathered::Texts(texts.map(|text| text.map(|text| Cow::Owned(text.to_string()))).collect()))
    }

    fn packed<const WIDTH: usize>(values: impl Iterator<Item = [u8; WIDTH]>) -> Self {
        Self(Gathered::Packed(WIDTH, values.flatten().collect()))
    }

    fn ints(values: impl Iterator<Item = Option<i64>>) -> Self {
        Self(Gathered::Ints(values.collect()))
    }

    fn bytes(values: impl Iterator<Item = Option<impl Into<Vec<u8>>>>) -> Self {
        Self(Gathered::Bytes(values.map(|bytes| bytes.map(Into::into)).collect()))
    }
}

macro_rules! cell {
    ($($type:ty => $kind:ident, |$values:ident| $cells:expr;)+) => {$(
        impl Cell for $type {
            const KIND: Kind = Kind::$kind;

            fn gather($values: impl Iterator<Item = Self>) -> Cells { $cells }
        }
    )+};
}
cell! {
    Id => Id, |ids| Cells::packed(ids.map(|id| id.0.into_bytes()));
    Option<Id> => Id, |ids| Cells(Gathered::Ids(ids.collect()));
    i64 => Int, |values| Cells::ints(values.map(Some));
    Option<i64> => Int, |values| Cells::ints(values);
    Instant => Int, |values| Cells::ints(values.map(|at| Some(at.as_micros())));
    &str => Text, |texts| Cells::texts(texts.map(Some));
    Option<&str> => Text, |texts| Cells::texts(texts);
    String => Text, |texts| Cells::texts(texts.map(Some));
    [u8; 16] => Bytes, |salts| Cells::packed(salts);
    [u8; 32] => Bytes, |digests| Cells::packed(digests);
    Option<[u8; 32]> => Bytes, |digests| Cells::bytes(digests);
    &[u8] => Bytes, |values| Cells::bytes(values.map(Some));
    Option<&[u8]> => Bytes, |values| Cells::bytes(values);
    bool => Bool, |values| Cells(Gathered::Bools(values.collect()));
}

#[derive(Debug, Clone)]
struct Column {
    name: &'static str,
    kind: Kind,
    values: Values,
}

#[derive(Debug, Clone)]
enum Values {
    /// One for all rows.
    Shared(Scalar),
    /// One for each row.
    Each(Cells),
}

/// The rows as a statement holds them.
#[derive(Debug, Clone)]
pub struct Rows {
    count: usize,
    columns: Vec<Column>,
}

impl QueryFragment<Pg> for Rows {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("(select ordinality - 1 as ordinal");
        let mut place = 0;
        for column in &self.columns {
            if let Values::Shared(value) = &column.values {
                out.push_sql(", cast(");
                push_scalar!(value, out);
                out.push_sql(column.kind.on_postgres());
            } else {
                let bytes = column.kind == Kind::Bytes;
                out.push_sql(if bytes { ", decode(v->>" } else { ", cast(v->>" });
                out.push_sql(&place.to_string());
                out.push_sql(if bytes { ", 'hex')" } else { column.kind.on_postgres() });
                place += 1;
            }
            out.push_sql(" as ");
            out.push_sql(column.name);
        }
        out.push_sql(" from jsonb_array_elements(cast(");
        out.push_bind_param::<Text, Self>(self)?;
        // The condition holds for every row, and has PostgreSQL expect one: it then looks each row up by key, also while it has no
        // figures or old ones about the table. "offset 0" keeps the subquery whole, so that the shared columns stay values of the rows.
        out.push_sql(
            " as jsonb)) with ordinality as element (v, ordinality) where ordinality = ordinality + 0 offset 0)",
        );
        Ok(())
    }
}

impl QueryFragment<Sqlite> for Rows {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("(select key as ordinal");
        let alone = self.in_json(Form::Sqlite).count() == 1;
        let mut place = 0;
        for column in &self.columns {
            out.push_sql(", ");
            match &column.values {
                Values::Shared(value) => push_scalar!(value, out),
                Values::Each(Cells(Gathered::Packed(width, bytes))) => {
                    out.push_sql("substr(");
                    out.push_bind_param::<Binary, _>(bytes)?;
                    out.push_sql(&format!(", key * {width} + 1, {width})"));
                }
                Values::Each(_) => {
                    let value = if alone { "value".to_owned() } else { format!("value->>{place}") };
                    out.push_sql(&match column.kind {
                        Kind::Id | Kind::Bytes => format!("unhex({value})"),
                        Kind::Int | Kind::Text | Kind::Bool => value,
                    });
                    place += 1;
                }
            }
            out.push_sql(" as ");
            out.push_sql(column.name);
        }
        // jsonb_each hands the inner arrays on as they are parsed; json_each would write them as text, to be parsed for every column.
        // Without the limit SQLite thinks the JSON costs nothing and reads it anew for every row of the table that it is joined to.
        out.push_sql(" from jsonb_each(");
        out.push_bind_param::<Text, Self>(self)?;
        out.push_sql(") limit -1)");
        Ok(())
    }
}

impl ToSql<Text, Pg> for Rows {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        serde_json::to_writer(out, &Json(self, Form::Postgres))?;
        Ok(IsNull::No)
    }
}

impl ToSql<Text, Sqlite> for Rows {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::to_string(&Json(self, Form::Sqlite))?);
        Ok(IsNull::No)
    }
}

/// For whom the rows are written as JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Postgres,
    Sqlite,
}

impl Rows {
    /// The columns that are handed over as JSON.
    fn in_json(&self, form: Form) -> impl Iterator<Item = &Gathered> {
        self.columns.iter().filter_map(move |column| match &column.values {
            Values::Each(Cells(Gathered::Packed(..))) if form == Form::Sqlite => None,
            Values::Each(Cells(values)) => Some(values),
            Values::Shared(_) => None,
        })
    }
}

/// The rows as an array: of arrays; on SQLite of the values themselves where there is one column, and of zeros where there is none.
struct Json<'a>(&'a Rows, Form);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(rows, form) = self;
        let columns: Vec<&Gathered> = rows.in_json(*form).collect();
        let mut array = serializer.serialize_seq(Some(rows.count))?;
        for row in 0..rows.count {
            match (form, columns.as_slice()) {
                (Form::Sqlite, []) => array.serialize_element(&0)?,
                (Form::Sqlite, [column]) => array.serialize_element(&Value(column, row))?,
                _ => array.serialize_element(&Row(&columns, row))?,
            }
        }
        array.end()
    }
}

struct Row<'a>(&'a [&'a Gathered], usize);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|column| Value(column, self.1)))
    }
}

/// The value of a column in a row: ids and bytes in hexadecimal, which both back ends read.
struct Value<'a>(&'a Gathered, usize);

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(values, row) = *self;
        match values {
            Gathered::Packed(width, bytes) => {
                bytes.chunks_exact(*width).nth(row).map(hex::encode).serialize(serializer)
            }
            Gathered::Ids(ids) => ids.get(row).copied().flatten().map(|id| hex::encode(id.0)).serialize(serializer),
            Gathered::Ints(values) => values.get(row).serialize(serializer),
            Gathered::Texts(texts) => texts.get(row).serialize(serializer),
            Gathered::Bytes(values) => values.get(row).and_then(Option::as_ref).map(hex::encode).serialize(serializer),
            Gathered::Bools(values) => values.get(row).serialize(serializer),
        }
    }
}
