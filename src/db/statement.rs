//! One SQL text for both back ends, with binds, kept as a prepared statement.
//!
//! Diesel's query builder serves the ordinary queries. [`Statement`] serves what it cannot say on both back ends at once:
//! conditional updates, insert-or-already-there, and set-based work on the rows of a [`RowSet`](super::row_set::RowSet).
//! `?` stands for a bind in the text and for nothing else.

use std::borrow::Cow;
use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use diesel::{QueryResult, RunQueryDsl};

use super::columns::{Id, Instant, Uid};
use super::connection::{DbConnection, MultiBackend};
use super::row_set::Rows;

/// What stands for a `?`.
#[derive(Debug, Clone)]
pub enum Bind {
    /// A value.
    One(Scalar),
    /// Rows, as a subquery.
    Rows(Rows),
}

impl<T: Into<Scalar>> From<T> for Bind {
    fn from(value: T) -> Self {
        Self::One(value.into())
    }
}

/// A bound value.
#[derive(Debug, Clone)]
pub enum Scalar {
    /// An id.
    Id(Option<Id>),
    /// A whole number.
    Int(Option<i64>),
    /// Text.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// True or false.
    Bool(bool),
}

/// Appends a scalar to a pass over a query; the pass may be of any back end.
macro_rules! push_scalar {
    ($scalar:expr, $out:expr) => {
        match $scalar {
            Scalar::Id(value) => $out.push_bind_param::<Nullable<Uid>, _>(value)?,
            Scalar::Int(value) => $out.push_bind_param::<Nullable<BigInt>, _>(value)?,
            Scalar::Text(value) => $out.push_bind_param::<Nullable<Text>, _>(value)?,
            Scalar::Bytes(value) => $out.push_bind_param::<Nullable<Binary>, _>(value)?,
            Scalar::Bool(value) => $out.push_bind_param::<Bool, _>(value)?,
        }
    };
}
pub(super) use push_scalar;

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

macro_rules! scalar {
    ($($type:ty => |$value:ident| $scalar:expr;)+) => {$(
        impl From<$type> for Scalar {
            fn from($value: $type) -> Self { $scalar }
        }
    )+};
}
scalar! {
    Id => |v| Scalar::Id(Some(v));
    Option<Id> => |v| Scalar::Id(v);
    i64 => |v| Scalar::Int(Some(v));
    Option<i64> => |v| Scalar::Int(v);
    Instant => |v| Scalar::Int(Some(v.as_micros()));
    Option<Instant> => |v| Scalar::Int(v.map(Instant::as_micros));
    &str => |v| Scalar::Text(Some(v.to_owned()));
    String => |v| Scalar::Text(Some(v));
    Option<String> => |v| Scalar::Text(v);
    Option<&str> => |v| Scalar::Text(v.map(ToOwned::to_owned));
    Vec<u8> => |v| Scalar::Bytes(Some(v));
    Option<Vec<u8>> => |v| Scalar::Bytes(v);
    &[u8] => |v| Scalar::Bytes(Some(v.to_vec()));
    bool => |v| Scalar::Bool(v);
}

impl<ST> Statement<ST> {
    /// Binds the next `?`.
    #[must_use]
    pub fn bind(mut self, value: impl Into<Bind>) -> Self {
        self.binds.push(value.into());
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
                Some(Bind::One(scalar)) => push_scalar!(scalar, out),
                Some(Bind::Rows(rows)) => MultiBackend::walk_variant_ast(rows, out.reborrow())?,
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

impl DbConnection {
    /// `for update` on PostgreSQL; SQLite has one writer and needs no row locks.
    #[must_use]
    pub fn row_lock(&self) -> &'static str {
        match self {
            Self::Postgres(_) => " for update",
            Self::Sqlite(_) => "",
        }
    }
}
