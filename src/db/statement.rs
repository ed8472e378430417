//! One SQL text for both back ends, with binds, kept as a prepared statement.
//!
//! Diesel's query builder serves the ordinary queries. [`Statement`] serves what it cannot say on both back ends at once:
//! conditional updates, insert-or-already-there, and set-based work on many rows handed over as one JSON parameter.
//! `?` stands for a bind in the text and for nothing else.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::{QueryResult, RunQueryDsl};

use super::columns::{Day, Id, Instant, Uid};
use super::connection::{DbConnection, MultiBackend};

#[derive(Debug)]
enum Bind {
    Id(Option<Id>),
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Bool(bool),
}

/// A statement whose rows have the SQL types `ST`.
#[derive(Debug)]
pub struct Statement<ST = ()> {
    sql: Cow<'static, str>,
    binds: Vec<Bind>,
    rows: PhantomData<ST>,
}

/// Starts a statement from its text.
pub fn statement(sql: impl Into<Cow<'static, str>>) -> Statement<()> {
    Statement { sql: sql.into(), binds: Vec::new(), rows: PhantomData }
}

/// What may stand for a `?`.
pub trait Bindable {
    /// Appends the value.
    fn bind_to(self, binds: &mut Binds<'_>);
}

/// The binds of a statement, in order.
#[derive(Debug)]
pub struct Binds<'a>(&'a mut Vec<Bind>);

macro_rules! bindable {
    ($($type:ty => |$value:ident| $bind:expr;)+) => {$(
        impl Bindable for $type {
            fn bind_to(self, binds: &mut Binds<'_>) { let $value = self; binds.0.push($bind); }
        }
    )+};
}
bindable! {
    Id => |v| Bind::Id(Some(v));
    Option<Id> => |v| Bind::Id(v);
    i64 => |v| Bind::Int(Some(v));
    Option<i64> => |v| Bind::Int(v);
    Instant => |v| Bind::Int(Some(v.as_micros()));
    Option<Instant> => |v| Bind::Int(v.map(Instant::as_micros));
    &str => |v| Bind::Text(Some(v.to_owned()));
    String => |v| Bind::Text(Some(v));
    Option<String> => |v| Bind::Text(v);
    Option<&str> => |v| Bind::Text(v.map(ToOwned::to_owned));
    Day => |v| Bind::Text(Some(v.to_string()));
    Option<Day> => |v| Bind::Text(v.map(|day| day.to_string()));
    Vec<u8> => |v| Bind::Bytes(Some(v));
    Option<Vec<u8>> => |v| Bind::Bytes(v);
    &[u8] => |v| Bind::Bytes(Some(v.to_vec()));
    bool => |v| Bind::Bool(v);
    crate::regions::RegionCode => |v| Bind::Text(Some(v.to_string()));
}

impl<ST> Statement<ST> {
    /// Binds the next `?`.
    #[must_use]
    pub fn bind(mut self, value: impl Bindable) -> Self {
        value.bind_to(&mut Binds(&mut self.binds));
        self
    }

    /// Says which SQL types its rows have.
    #[must_use]
    pub fn returning<Row>(self) -> Statement<Row> {
        Statement { sql: self.sql, binds: self.binds, rows: PhantomData }
    }

    /// Runs it; the number of rows it changed.
    ///
    /// # Errors
    /// What the database says.
    pub fn run(self, connection: &mut DbConnection) -> QueryResult<usize>
    where
        Self: diesel::query_dsl::methods::ExecuteDsl<DbConnection>,
    {
        RunQueryDsl::execute(self, connection)
    }
}

impl<ST> QueryFragment<MultiBackend> for Statement<ST> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, MultiBackend>) -> QueryResult<()> {
        let mut parts = self.sql.split('?');
        out.push_sql(parts.next().unwrap_or_default());
        let mut binds = self.binds.iter();
        for part in parts {
            match binds.next() {
                Some(Bind::Id(value)) => out.push_bind_param::<Nullable<Uid>, _>(value)?,
                Some(Bind::Int(value)) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Some(Bind::Text(value)) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Some(Bind::Bytes(value)) => out.push_bind_param::<Nullable<Binary>, _>(value)?,
                Some(Bind::Bool(value)) => out.push_bind_param::<Bool, _>(value)?,
                None => return Err(diesel::result::Error::QueryBuilderError("fewer binds than question marks".into())),
            }
            out.push_sql(part);
        }
        match binds.next() {
            Some(_) => Err(diesel::result::Error::QueryBuilderError("more binds than question marks".into())),
            None => Ok(()),
        }
    }
}

impl<ST> QueryId for Statement<ST> {
    // The text is the identity: Diesel then keeps the prepared statement under it.
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<ST> Query for Statement<ST> {
    type SqlType = ST;
}

impl<ST> RunQueryDsl<DbConnection> for Statement<ST> {}

/// The type of a column in a set of rows handed over as one JSON parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// An id, as hyphenated text.
    Id,
    /// A whole number.
    Int,
    /// Text.
    Text,
    /// Bytes, as hexadecimal text.
    Bytes,
    /// True or false.
    Bool,
}

impl DbConnection {
    /// The text of a row source: stands in a `from` clause, takes one bind (a JSON array of arrays), and gives the named columns
    /// and `ordinal`, the row's place from 0.
    #[must_use]
    pub fn rows(&self, columns: &[(&str, Column)]) -> String {
        let mut text = String::with_capacity(64 + columns.len() * 40);
        let postgres = matches!(self, Self::Postgres(_));
        text.push_str(if postgres { "(select ordinality - 1 as ordinal" } else { "(select key as ordinal" });
        for (place, (name, column)) in columns.iter().enumerate() {
            let value = if postgres { format!("v->>{place}") } else { format!("value->>{place}") };
            let cast = match (column, postgres) {
                (Column::Id, true) => format!("cast({value} as uuid)"),
                // 16 bytes from 36 characters: SQLite's unhex skips the hyphens it is told of.
                (Column::Id, false) => format!("unhex({value}, '-')"),
                (Column::Int, true) => format!("cast({value} as bigint)"),
                (Column::Text, true) => format!("({value}) collate \"C\""),
                (Column::Int | Column::Text | Column::Bool, false) => value,
                (Column::Bytes, true) => format!("decode({value}, 'hex')"),
                (Column::Bytes, false) => format!("unhex({value})"),
                (Column::Bool, true) => format!("cast({value} as boolean)"),
            };
            text.push_str(", ");
            text.push_str(&cast);
            text.push_str(" as ");
            text.push_str(name);
        }
        // jsonb_each hands the inner arrays on as they are parsed; json_each would write them as text, to be parsed for every column.
        // Without the limit SQLite thinks the JSON costs nothing and reads it anew for every row of the table that it is joined to.
        text.push_str(if postgres {
            " from jsonb_array_elements(cast(? as jsonb)) with ordinality as element (v, ordinality))"
        } else {
            " from jsonb_each(?) limit -1)"
        });
        text
    }

    /// Joins a table to a row source so that the rows drive: SQLite keeps the order of a cross join, PostgreSQL plans a plain one itself.
    #[must_use]
    pub fn driving_join(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "join",
            Self::Sqlite(_) => "cross join",
        }
    }

    /// What the first column of a key is compared with in an `update … from {source} r`, so that the rows drive here too: SQLite takes the
    /// row's part in the comparison for a need to read the rows first, and then finds each row of the table by its whole key.
    #[must_use]
    pub fn driven_key(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "?",
            Self::Sqlite(_) => "iif(r.ordinal is null, null, ?)",
        }
    }

    /// `for update` on PostgreSQL; SQLite has one writer and needs no row locks.
    #[must_use]
    pub fn row_lock(&self) -> &'static str {
        match self {
            Self::Postgres(_) => " for update",
            Self::Sqlite(_) => "",
        }
    }
}
