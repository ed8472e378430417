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

/// Rows that a total counts at most.
pub const TOTAL_MAX: i64 = 10_000;

/// A page of a list, in the list's order.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Page<T> {
    /// The rows of this page.
    #[schema(max_items = 200)]
    pub items: Vec<T>,
    /// Hand this back as `cursor` for the next page; null on the last page.
    #[schema(max_length = 200)]
    pub next_cursor: Option<String>,
    /// Rows of the whole list, on the first page when `include_total=true` asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 10_000, nullable = false)]
    pub total: Option<i64>,
    /// Sent with `total`: whether there are more than it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total_is_capped: Option<bool>,
    /// The fields that were asked for; all where none was named.
    #[serde(skip)]
    pub fields: Option<Vec<String>>,
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
    /// Whether the rows are to be counted. They are read for it, so it is done once, on the first page.
    pub counting: bool,
    /// The fields that are wanted of each row; all where none is named.
    pub fields: Option<Vec<String>>,
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
        Ok(Self { limit, after, descending, counting: false, fields: None, list })
    }

    /// The same page, counting the list where it is the first, with only these fields of each row.
    #[must_use]
    pub fn showing(self, include_total: bool, fields: Option<Vec<String>>) -> Self {
        Self { counting: include_total && self.after.is_none(), fields, ..self }
    }

    /// The same place in the list with so many rows, for whoever goes through all of it.
    #[must_use]
    pub fn of_rows(self, limit: i64) -> Self {
        Self { limit, counting: false, ..self }
    }

    /// Rows to ask the database for: one more than wanted tells whether there is a next page, one more than a total counts whether it is
    /// capped.
    #[must_use]
    pub fn probe(&self) -> i64 {
        if self.counting { TOTAL_MAX.saturating_add(1) } else { self.limit.saturating_add(1) }
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
        let (more, found) = (rows.len() > limit, i64::try_from(rows.len()).unwrap_or(i64::MAX));
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|last| write_cursor(keys, &self.list, id(last)));
        let (total, capped) = (found.min(TOTAL_MAX), found > TOTAL_MAX);
        Page {
            items: rows,
            next_cursor,
            total: self.counting.then_some(total),
            total_is_capped: self.counting.then_some(capped),
            fields: self.fields.clone(),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_total_is_exact_up_to_its_cap() {
        let keys = KeyRing::generate(jiff::Timestamp::UNIX_EPOCH).unwrap();
        let asked = PageRequest::read(&keys, "list".to_owned(), Some(2), None, None).unwrap();
        let counting = asked.clone().showing(true, None);
        for (rows, total, capped) in [(0, 0, false), (2, 2, false), (10_000, 10_000, false), (10_001, 10_000, true)] {
            let page = counting.page(&keys, vec![Id::NIL; rows], |id| *id);
            assert_eq!((page.total, page.total_is_capped, page.items.len()), (Some(total), Some(capped), rows.min(2)));
            assert_eq!(page.next_cursor.is_some(), rows > 2);
        }
        assert_eq!((counting.probe(), asked.probe()), (10_001, 3));
        let later = PageRequest { after: Some(Id::NIL), ..asked }.showing(true, None);
        assert_eq!(later.probe(), 3, "only the first page counts");
    }
}
