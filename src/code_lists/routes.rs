//! HTTP of the code lists. They are public, as the API document is that names the same values.

use actix_web::http::header;
use actix_web::{CustomizeResponder, Responder, get, web};
use serde::Serialize;
use utoipa_actix_web::service_config::ServiceConfig;

use super::{CodeList, CodeLists};
use crate::error::{Error, Result};
use crate::http::Answer;

/// Labels change with the program only: an hour is short enough after a new version, and the ETag makes asking again cheap.
const CACHING: &str = "public, max-age=3600";

fn cached<T: Serialize>(lists: &T) -> Result<CustomizeResponder<Answer>> {
    Ok(Answer::ok(lists)?.tagged().customize().insert_header((header::CACHE_CONTROL, CACHING)))
}

/// Lists every code list
///
/// Each enumerated value of this document and each action that `allowed_actions` may name, with its label in Chinese and English, and
/// the kinds of problem by their titles. More values may come within v1.
#[utoipa::path(tag = "code-lists", responses((status = 200, description = "Every list", body = CodeLists, headers(("ETag")))))]
#[get("/v1/code-lists")]
pub async fn list_code_lists() -> Result<CustomizeResponder<Answer>> {
    cached(&super::all())
}

/// Reads a code list
///
/// A list has the name of its schema in kebab-case: `PlacementState` is `placement-state`.
#[utoipa::path(tag = "code-lists",
    params(("name" = String, Path, description = "Name of the list", example = "placement-state", pattern = "^[a-z-]{1,50}$", max_length = 50)),
    responses((status = 200, description = "The list", body = CodeList, headers(("ETag")))))]
#[get("/v1/code-lists/{name}")]
pub async fn get_code_list(name: web::Path<String>) -> Result<CustomizeResponder<Answer>> {
    cached(&super::find(&name).ok_or_else(|| Error::not_found("code list", "代码表"))?)
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_code_lists).service(get_code_list);
}
