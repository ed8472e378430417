//! Lists: keyset pages in the order of ids (which is the order of creation), with an authenticated cursor.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as URL_SAFE_NO_PAD;
use diesel::ExpressionMethods;
use diesel::dsl::{Asc, Desc, Gt, Lt};
use diesel::expression::{AsExpression, Expression, TypedExpressionType};
use diesel::query_dsl::methods::{FilterDsl, LimitDsl, OrderDsl};
use diesel::sql_types::{BigInt, SingleValue};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::columns::{Id, Uid};
use crate::error::{Code, Error, Fault, Result};
use crate::seal::KeyRing;

/// Rows of a page unless the caller says otherwise.
pub const LIMIT_DEFAULT: i64 = 50;
/// Most rows of a page.
pub const LIMIT_MAX: i64 = 200;

/// A page of a list, in the list's order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows of this page.
    #[schema(max_items = 200)]
    pub items: Vec<T>,
    /// Hand this back as `cursor` for the next page; null on the last page.
    #[schema(max_length = 200)]
    pub next_cursor: Option<String>,
}

/// A page as asked for: where to go on, how far, in which direction, within which list.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Rows wanted.
    pub limit: i64,
    /// Go on behind this id, or behind the number it stands for; see [`Self::narrow`].
    pub after: Option<Id>,
    /// Newest first.
    pub descending: bool,
    /// What the cursor is bound to: the list with all its filters.
    list: String,
}

/// A page in the words of SQL; the limit is [`PageRequest::probe`].
#[derive(Debug, Clone)]
pub struct Keyset {
    /// Stands in `where`; takes one bind, [`Self::after`].
    pub condition: String,
    /// Stands in `order by`.
    pub order: String,
    /// The id behind which the page begins.
    pub after: Id,
}

/// What a list may be in the order of. A cursor keeps either in the same sixteen bytes.
pub trait PageOrder: SingleValue + TypedExpressionType + Sized {
    /// The value that is compared.
    type Key: AsExpression<Self>;

    /// The value of a cursor.
    fn key(after: Option<Id>) -> Option<Self::Key>;
}

impl PageOrder for Uid {
    type Key = Id;

    fn key(after: Option<Id>) -> Option<Id> {
        after
    }
}

impl PageOrder for BigInt {
    type Key = i64;

    fn key(after: Option<Id>) -> Option<i64> {
        after.map(|Id(number)| i64::try_from(number.as_u128()).unwrap_or(i64::MAX))
    }
}

type KeyOf<C> = <<C as Expression>::SqlType as PageOrder>::Key;

impl PageRequest {
    /// Reads the page parameters; `list` names the list and all its filters, so that a cursor fits only the list it came from.
    ///
    /// # Errors
    /// [`Code::ParameterInvalid`] for a limit or sort that is not offered, [`Code::CursorInvalid`] for a cursor of another list or a forged one.
    pub fn read(
        keys: &KeyRing,
        list: String,
        limit: Option<i64>,
        cursor: Option<&str>,
        sort: Option<&str>,
    ) -> Result<Self> {
        let limit = limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(Error::new(Code::ParameterInvalid).fault(Fault::query(
                "limit",
                "out_of_range",
                "limit must be from 1 to 200",
                "limit 须在 1 到 200 之间",
            )));
        }
        let descending = match sort {
            None | Some("id") => false,
            Some("-id") => true,
            Some(_) => {
                return Err(Error::new(Code::ParameterInvalid).fault(Fault::query(
                    "sort",
                    "not_offered",
                    "sort must be id or -id",
                    "sort 只能是 id 或 -id",
                )));
            }
        };
        let list = format!("{list}|{descending}");
        let after = cursor.map(|cursor| open_cursor(keys, &list, cursor)).transpose()?;
        Ok(Self { limit, after, descending, list })
    }

    /// Rows to ask the database for: one more than wanted tells whether there is a next page.
    #[must_use]
    pub fn probe(&self) -> i64 {
        self.limit.saturating_add(1)
    }

    /// Narrows a boxed query to the rows of this page, in the order of a column of ids or numbers.
    pub fn narrow<Q, C>(&self, query: Q, column: C) -> Q
    where
        C: Copy + Expression<SqlType: PageOrder>,
        Q: FilterDsl<Gt<C, KeyOf<C>>, Output = Q> + FilterDsl<Lt<C, KeyOf<C>>, Output = Q>,
        Q: OrderDsl<Asc<C>, Output = Q> + OrderDsl<Desc<C>, Output = Q> + LimitDsl<Output = Q>,
    {
        let query = match (C::SqlType::key(self.after), self.descending) {
            (Some(after), false) => FilterDsl::filter(query, column.gt(after)),
            (Some(after), true) => FilterDsl::filter(query, column.lt(after)),
            (None, _) => query,
        };
        let query = if self.descending { query.order(column.desc()) } else { query.order(column.asc()) };
        query.limit(self.probe())
    }

    /// The same for the text of a statement, in the order of a column of ids.
    #[must_use]
    pub fn keyset(&self, column: &str) -> Keyset {
        let (comparison, direction, start) =
            if self.descending { ("<", "desc", Id(uuid::Uuid::max())) } else { (">", "asc", Id::NIL) };
        Keyset {
            condition: format!("{column} {comparison} ?"),
            order: format!("{column} {direction}"),
            after: self.after.unwrap_or(start),
        }
    }

    /// The number behind which a page of [`Self::page_by_number`] begins; 0 for the first page.
    #[must_use]
    pub fn after_number(&self) -> i64 {
        BigInt::key(self.after).unwrap_or_default()
    }

    /// Makes the page of a list in the order of a number from 0 on.
    pub fn page_by_number<T>(&self, keys: &KeyRing, rows: Vec<T>, number: impl Fn(&T) -> i64) -> Page<T> {
        // The number takes the sixteen bytes that an id would take; the list's tag keeps the two apart.
        self.page(keys, rows, |row| Id(uuid::Uuid::from_u128(u128::try_from(number(row)).unwrap_or_default())))
    }

    /// Makes the page from up to [`Self::probe`] rows.
    pub fn page<T>(&self, keys: &KeyRing, mut rows: Vec<T>, id: impl Fn(&T) -> Id) -> Page<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| write_cursor(keys, &self.list, id(last)));
        Page { items: rows, next_cursor }
    }
}

/// A cursor is the list it belongs to (16 bytes of a hash) and the last id, signed.
fn write_cursor(keys: &KeyRing, list: &str, last: Id) -> String {
    let content: Vec<u8> = list_tag(list).into_iter().chain(*last.0.as_bytes()).collect();
    URL_SAFE_NO_PAD.encode(keys.sign_cursor(&content))
}

fn open_cursor(keys: &KeyRing, list: &str, cursor: &str) -> Result<Id> {
    let signed = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
    keys.verify_cursor(&signed)
        .ok()
        .and_then(|content| content.split_at_checked(16))
        .filter(|(tag, _)| *tag == list_tag(list))
        .and_then(|(_, id)| uuid::Uuid::from_slice(id).ok())
        .map(Id)
        .ok_or_else(|| {
            let fault = Fault::query("cursor", "cursor_invalid", "does not belong to this list", "该游标不属于此列表");
            Error::new(Code::CursorInvalid).fault(fault)
        })
}

fn list_tag(list: &str) -> [u8; 16] {
    let mut tag = [0; 16];
    for (to, from) in tag.iter_mut().zip(Sha256::digest(list)) {
        *to = from;
    }
    tag
}
