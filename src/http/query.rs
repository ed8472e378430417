//! What stands behind the `?` of a request, refused with the name of the parameter: the filters of a list and the page wanted of it.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::{DeserializeOwned, Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use utoipa::{IntoParams, ToSchema};

use super::body::nfc;
use super::expectation::{expectation, quoted_after};
use crate::app::State;
use crate::db::PageRequest;
use crate::error::{Code, Error, Fault, Result, Text};

/// Most values of one filter.
pub const VALUES_MAX: usize = 20;

/// The page parameters every list takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageParams {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<i64>,
    /// `next_cursor` of the page before.
    #[param(max_length = 200, min_length = 1)]
    pub cursor: Option<String>,
    /// Order: `id` (oldest first, the default) or `-id` (newest first).
    #[param(pattern = "^-?id$", max_length = 3)]
    pub sort: Option<String>,
    /// With `true` the first page says in `total` how many rows the list has: exactly up to 10,000, with `total_is_capped` beyond. They are
    /// read for it: ask once.
    pub include_total: Option<bool>,
    /// Only these fields of each row, by name with commas between. Others are left out, also those that the schema requires.
    #[param(max_length = 1000, min_length = 1, pattern = "^[a-z][a-z0-9_]*(,[a-z][a-z0-9_]*)*$")]
    pub fields: Option<String>,
}

impl PageParams {
    /// The names that this struct reads.
    const NAMES: [&str; 5] = ["limit", "cursor", "sort", "include_total", "fields"];
}

/// The values a filter asks for, one or several with commas between (`state=draft,published`); what has one of them fits.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
pub struct AnyOf<T>(Vec<T>);

impl<T: Copy + PartialEq> AnyOf<T> {
    /// Every value asked for; at least one.
    #[must_use]
    pub fn values(&self) -> Vec<T> {
        self.0.clone()
    }

    /// Whether this value fits.
    #[must_use]
    pub fn has(&self, value: T) -> bool {
        self.0.contains(&value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for AnyOf<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let values: Vec<&str> = text.split(',').collect();
        if values.len() > VALUES_MAX {
            return Err(D::Error::custom(format!("expected at most {VALUES_MAX} values with commas between")));
        }
        values.into_iter().map(|value| T::deserialize(value.into_deserializer())).collect::<Result<_, _>>().map(Self)
    }
}

/// The query of a list: page parameters, and the list's own filters `F`.
#[derive(Debug)]
pub struct Listing<F> {
    /// The filters.
    pub filter: F,
    page: PageParams,
    /// The fields that are wanted of each row.
    fields: Option<Vec<String>>,
    /// Path and filters: what a cursor is bound to.
    list: String,
}

impl<F> Listing<F> {
    /// The page asked for.
    ///
    /// # Errors
    /// See [`PageRequest::read`].
    pub fn page(&self, state: &State) -> Result<PageRequest> {
        let PageParams { limit, cursor, sort, include_total, .. } = &self.page;
        let page = PageRequest::read(&state.keys, self.list.clone(), *limit, cursor.as_deref(), sort.as_deref())?;
        Ok(page.showing(*include_total == Some(true), self.fields.clone()))
    }
}

impl<F: DeserializeOwned> FromRequest for Listing<F> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read_listing(request))
    }
}

fn read_listing<F: DeserializeOwned>(request: &HttpRequest) -> Result<Listing<F>> {
    // Headings are the file's; a page has none, in whichever language. Lists without a file form do not know the parameter.
    let pairs = query_pairs(request.query_string());
    let pairs = pairs.into_iter().filter(|(name, _)| name != "header");
    let (page, filters): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| PageParams::NAMES.contains(&name.as_str()));
    let list = format!(
        "{}?{}",
        request.path(),
        filters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    );
    let page: PageParams = parse_query(&page)?;
    let fields = page.fields.as_deref().map(|asked| wanted_fields(request, asked)).transpose()?;
    Ok(Listing { filter: parse_query(&filters)?, page, fields, list })
}

/// The fields that are asked for by name; each must be one of the rows of the list, as the document describes them.
fn wanted_fields(request: &HttpRequest, asked: &str) -> Result<Vec<String>> {
    let state = request.app_data::<web::Data<State>>().ok_or_else(|| Error::internal("no state"))?;
    let known = state.routes.fields_of_rows(request.path());
    let asked: Vec<String> = asked.split(',').map(ToOwned::to_owned).collect();
    match asked.iter().find(|name| !known.contains(*name)) {
        None => Ok(asked),
        Some(unknown) => {
            let short: String = unknown.chars().take(50).collect();
            let (en, zh) = (
                format!("these rows have no field {short}; offered lists those they have"),
                format!("没有字段 {short}，可选字段见 offered"),
            );
            let offered: Vec<&str> = known.iter().map(String::as_str).collect();
            let fault = Fault::query("fields", "not_offered", en, zh).param("offered", offered);
            Err(Error::new(Code::ParameterInvalid).fault(fault))
        }
    }
}

/// The filters of a list that has none of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoFilter {}

/// A query without pages.
#[derive(Debug)]
pub struct Query<F>(pub F);

impl<F: DeserializeOwned> FromRequest for Query<F> {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(parse_query(&query_pairs(request.query_string())).map(Self))
    }
}

fn query_pairs(query: &str) -> Vec<(String, String)> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    pairs.into_iter().map(|(name, value)| (name, nfc(&value))).collect()
}

fn parse_query<F: DeserializeOwned>(pairs: &[(String, String)]) -> Result<F> {
    let encoded = serde_urlencoded::to_string(pairs).map_err(Error::internal)?;
    let deserializer = serde_urlencoded::Deserializer::new(form_urlencoded::parse(encoded.as_bytes()));
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let message = error.inner().to_string();
        if let Some(name) = quoted_after(&message, "unknown field ") {
            return Error::new(Code::UnknownParameter).fault(Fault::query(
                &name,
                "unknown_parameter",
                "this parameter is not known here",
                "此处没有该参数",
            ));
        }
        if let Some(name) = quoted_after(&message, "missing field ") {
            return Error::new(Code::ParameterInvalid).fault(Fault::query(
                &name,
                "parameter_missing",
                "this parameter is needed",
                "缺少该参数",
            ));
        }
        if let Some(name) = quoted_after(&message, "duplicate field ") {
            return Error::new(Code::ParameterInvalid).fault(Fault::query(
                &name,
                "parameter_repeated",
                "give this parameter once",
                "该参数只能出现一次",
            ));
        }
        let name = error.path().to_string();
        let Text { en, zh } = expectation(&message);
        Error::new(Code::ParameterInvalid).fault(Fault::query(&name, "parameter_invalid", en, zh))
    })
}
