//! A list as a file: the same filters, the same rows, as CSV or as a workbook, when `Accept` asks for one.
//!
//! CSV is UTF-8 with a mark, CRLF and RFC 4180 quoting, sent page by page as it is read. The header names the fields as JSON does, or says
//! what they are called with `header=zh-CN`. A workbook has numbers and days as such, and everything that only looks like a number as text.

use std::sync::Arc;

use actix_web::body::BoxBody;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, Responder, web};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::IntoParams;

use super::table::{csv_line, spreadsheet_safe};
use super::{Answer, Listing};
use crate::app::State;
use crate::db::{Day, DbConnection, Id, PageRequest};
use crate::error::{Code, Error, Fault, Result};

/// Media type of a workbook.
pub const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// Media type of CSV as it is written here.
pub const CSV: &str = "text/csv; charset=utf-8";
/// Rows read at once for a file.
const ROWS_AT_ONCE: i64 = 1_000;
/// Most rows of a workbook, which is made as a whole.
const WORKBOOK_ROWS_MAX: usize = 100_000;

/// A row that can stand in a table. Its values are those of its JSON form; only names and headings are said here.
pub trait TableRow: Serialize + Send + 'static {
    /// The columns.
    const COLUMNS: &'static [Column];
}

/// Path of a field in the JSON form, and what it is called in Chinese.
pub type Column = (&'static str, &'static str);

/// The parameter that every list with a file form takes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TableParams {
    /// With `Accept: text/csv` or a workbook: `zh-CN` for Chinese headings; left out, the fields' own names.
    #[param(pattern = "^zh-CN$", max_length = 5, example = "zh-CN")]
    pub header: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Csv,
    Xlsx,
}

/// In which form the reader wants a list.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    form: Form,
    chinese: bool,
}

impl Wanted {
    /// Reads `Accept` and `header`: the first acceptable form that is offered.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let accepted = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let form = accepted.split(',').find_map(|range| match range.split(';').next().unwrap_or_default().trim() {
            "text/csv" => Some(Form::Csv),
            XLSX => Some(Form::Xlsx),
            "application/json" | "application/*" | "*/*" => Some(Form::Json),
            _ => None,
        });
        let chinese = request.query_string().split('&').any(|pair| pair == "header=zh-CN");
        Self { form: form.unwrap_or(Form::Json), chinese }
    }

    /// Whether a file is wanted, and so the `header` parameter is known.
    #[must_use]
    pub fn is_table(self) -> bool {
        self.form != Form::Json
    }

    fn headings(self, columns: &[Column]) -> Vec<&'static str> {
        columns.iter().map(|(name, heading)| if self.chinese { *heading } else { *name }).collect()
    }
}

impl FromRequest for Wanted {
    type Error = Error;
    type Future = std::future::Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut actix_web::dev::Payload) -> Self::Future {
        std::future::ready(Ok(Self::of(request)))
    }
}

/// A page of a list, or all of it as a file.
#[derive(Debug)]
pub enum Listed {
    /// A page as JSON.
    Page(Answer),
    /// A file.
    File(HttpResponse),
}

impl Responder for Listed {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        let mut response = match self {
            Self::Page(answer) => answer.respond_to(request),
            Self::File(response) => response,
        };
        response.headers_mut().append(header::VARY, header::HeaderValue::from_static("Accept"));
        response
    }
}

/// How the rows of a list are read, and what their pages are told apart by.
pub struct Source<F, T> {
    /// The rows of a page.
    pub read: fn(&mut DbConnection, &Reader, &F, &PageRequest) -> Result<Vec<T>>,
    /// The id of a row.
    pub id: fn(&T) -> Id,
}

impl<F, T> Clone for Source<F, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F, T> Copy for Source<F, T> {}

/// Who reads a list, when, and below what.
#[derive(Clone)]
pub struct Reader {
    /// The caller.
    pub scope: crate::identity::Scope,
    /// Keys of what is sealed.
    pub keys: Arc<crate::seal::KeyRing>,
    /// The present day.
    pub today: Day,
    /// The agreement, for lists below one.
    pub agreement_id: Id,
    /// What else the path names, for lists below that.
    pub below: Id,
}

impl Reader {
    /// The reader of a request; `path` is the agreement and what else the path names.
    #[must_use]
    pub fn new(state: &State, scope: crate::identity::Scope, [agreement_id, below]: [Id; 2]) -> Self {
        Self { scope, keys: Arc::clone(&state.keys), today: state.clock.today(), agreement_id, below }
    }
}

/// Answers a list in the form that is wanted.
///
/// # Errors
/// What reading says; [`Code::FileTooLarge`] for a workbook of too many rows.
pub async fn list<F, T>(
    state: &State,
    listing: Listing<F>,
    wanted: Wanted,
    reader: Reader,
    source: Source<F, T>,
) -> Result<Listed>
where
    F: Send + Sync + 'static,
    T: TableRow,
{
    let page = listing.page(state)?;
    if !wanted.is_table() {
        let read = move |connection: &mut DbConnection| {
            let rows = (source.read)(connection, &reader, &listing.filter, &page)?;
            Answer::page(&page.page(&reader.keys, rows, source.id))
        };
        return state.db.read(read).await.map(Listed::Page);
    }
    let asked = |path: &str| {
        page.fields.as_ref().is_none_or(|fields| fields.iter().any(|field| path.split('/').next() == Some(field)))
    };
    let columns = T::COLUMNS.iter().copied().filter(|(path, _)| asked(path)).collect();
    let next = Some(page.of_rows(ROWS_AT_ONCE));
    let pages = Pages { state: state.clone(), filter: Arc::new(listing.filter), reader, source, columns, next };
    match wanted.form {
        Form::Xlsx => pages.workbook(wanted).await,
        _ => pages.csv(wanted).await,
    }
    .map(Listed::File)
}

/// The pages of a list, one after the other.
struct Pages<F, T> {
    state: State,
    filter: Arc<F>,
    reader: Reader,
    source: Source<F, T>,
    columns: Vec<Column>,
    next: Option<PageRequest>,
}

impl<F: Send + Sync + 'static, T: TableRow> Pages<F, T> {
    /// The rows of the next page as their JSON forms; none behind the last.
    async fn read(&mut self) -> Result<Option<Vec<Value>>> {
        let Some(page) = self.next.take() else { return Ok(None) };
        let (filter, reader, source) = (Arc::clone(&self.filter), self.reader.clone(), self.source);
        let asked = page.clone();
        let read = move |connection: &mut DbConnection| (source.read)(connection, &reader, &filter, &asked);
        let mut rows = self.state.db.read(read).await?;
        let most = usize::try_from(page.limit).map_err(Error::internal)?;
        if rows.len() > most {
            rows.truncate(most);
            let mut next = page;
            next.after = rows.last().map(|last| (source.id)(last));
            self.next = Some(next);
        }
        rows.iter().map(serde_json::to_value).collect::<Result<_, _>>().map(Some).map_err(Error::from)
    }

    /// The first page is read before anything is sent, so that what is refused is a problem; later ones follow as they are taken.
    async fn csv(mut self, wanted: Wanted) -> Result<HttpResponse> {
        let first = self.read().await?.unwrap_or_default();
        let head = format!("\u{feff}{}", csv_line(wanted.headings(&self.columns)));
        let begin = head + &lines(&self.columns, &first);
        let rest = futures_util::stream::unfold((Some(begin), self), |(ready, mut pages)| async move {
            if let Some(ready) = ready {
                return Some((Ok(web::Bytes::from(ready)), (None, pages)));
            }
            match pages.read().await {
                Ok(None) => None,
                Ok(Some(rows)) => {
                    let lines = lines(&pages.columns, &rows);
                    Some((Ok(web::Bytes::from(lines)), (None, pages)))
                }
                Err(error) => {
                    pages.next = None;
                    Some((Err(error), (None, pages)))
                }
            }
        });
        Ok(HttpResponse::Ok().content_type(CSV).streaming(Box::pin(rest)))
    }

    async fn workbook(mut self, wanted: Wanted) -> Result<HttpResponse> {
        let mut rows: Vec<Value> = Vec::new();
        while let Some(more) = self.read().await? {
            rows.extend(more);
            if rows.len() > WORKBOOK_ROWS_MAX {
                let (en, zh) = (
                    "a workbook takes at most 100,000 rows; narrow the list or ask for text/csv",
                    "工作簿最多 100000 行，请缩小范围或改用 text/csv",
                );
                return Err(Error::new(Code::FileTooLarge).fault(Fault::header("Accept", "rows_too_many", en, zh)));
            }
        }
        let headings = wanted.headings(&self.columns);
        let written = web::block(move || workbook(&headings, &self.columns, &rows)).await.map_err(Error::internal)?;
        Ok(HttpResponse::Ok().content_type(XLSX).body(written.map_err(Error::internal)?))
    }
}

fn value<'a>(row: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(row, |value, name| value.get(name).unwrap_or(&Value::Null))
}

/// A value as the text of a cell.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => String::new(),
        other => other.to_string(),
    }
}

fn lines(columns: &[Column], rows: &[Value]) -> String {
    let line = |row: &Value| {
        csv_line(columns.iter().map(|(path, _)| {
            let value = value(row, path);
            let cell = text(value);
            // A number of ours is a number, also below zero; a text may be anything.
            if value.is_number() { cell } else { spreadsheet_safe(&cell).into_owned() }
        }))
    };
    rows.iter().map(line).collect()
}

/// Writes a workbook of one sheet.
fn workbook(headings: &[&str], columns: &[Column], rows: &[Value]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    let (as_text, as_day) = (Format::new().set_num_format("@"), Format::new().set_num_format("yyyy-mm-dd"));
    let sheet = workbook.add_worksheet();
    for (column, heading) in (0..).zip(headings) {
        sheet.write_string(0, column, *heading)?;
    }
    for (number, row) in (1..).zip(rows) {
        for (column, (path, _)) in (0..).zip(columns) {
            write_cell(sheet, (number, column), path, value(row, path), [&as_text, &as_day])?;
        }
    }
    workbook.save_to_buffer()
}

/// A number as a number, a day (`…_on`, `…_until`) as a day, everything else as text.
fn write_cell(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    path: &str,
    value: &Value,
    [as_text, as_day]: [&Format; 2],
) -> Result<(), XlsxError> {
    let is_day = path.ends_with("_on") || path.ends_with("_until");
    match value {
        Value::Null => return Ok(()),
        Value::Bool(flag) => sheet.write_boolean(row, column, *flag)?,
        Value::Number(number) => sheet.write_number(row, column, number.as_f64().unwrap_or_default())?,
        Value::String(day) if is_day && Day::parse(day).is_ok() => {
            let day = rust_xlsxwriter::ExcelDateTime::parse_from_str(day)?;
            sheet.write_datetime_with_format(row, column, day, as_day)?
        }
        other => sheet.write_string_with_format(row, column, text(other), as_text)?,
    };
    Ok(())
}
