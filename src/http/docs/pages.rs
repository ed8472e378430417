//! What is served beside the API: the document, its page, health, and a page for each problem.

use std::sync::atomic::Ordering;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::app::State;
use crate::error::{Code, Error, Language, Result};
use crate::http::extract::language_of;

/// Mounts the pages.
pub fn mount(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/livez").route(web::get().to(livez)))
        .service(web::resource("/readyz").route(web::get().to(readyz)))
        .service(web::resource("/openapi.json").route(web::get().to(openapi)))
        .service(web::resource("/problems/{code}").route(web::get().to(problem_page)));
}

/// The process runs; says nothing about what it depends on.
#[expect(clippy::unused_async, reason = "the form of a handler")]
async fn livez() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

/// Ready for requests: not draining, database reachable, schema that of this binary.
async fn readyz(state: web::Data<State>) -> Result<HttpResponse> {
    if state.draining.load(Ordering::Acquire) {
        return Err(Error::new(Code::Draining));
    }
    let reads = state
        .db
        .read(|connection| Ok(crate::db::statement("select position from feed_head where id = 1").run(connection)?));
    reads.await.map_err(|error| Error::unavailable(error))?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}

#[expect(clippy::unused_async, reason = "the form of a handler")]
async fn openapi(state: web::Data<State>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(state.document.to_vec())
}

/// Cause and remedy of a kind of problem: HTML for people, JSON for programs, in the reader's language.
#[expect(clippy::unused_async, reason = "the form of a handler")]
async fn problem_page(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    let code = Code::from_name(&name).ok_or_else(|| Error::not_found("problem", "问题说明"))?;
    let definition = code.definition();
    let status = crate::http::problem::status_of(definition.kind).as_u16();
    let language = language_of(request.headers());
    let (title, remedy) = match language {
        Language::English => (definition.title_en, definition.remedy_en),
        Language::Chinese => (definition.title_zh, definition.remedy_zh),
    };
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = HttpResponse::Ok();
    response.insert_header((header::VARY, "Accept, Accept-Language"));
    if accept.contains("text/html") {
        let tag = crate::http::problem::language_tag(language);
        let page = format!(
            "<!doctype html>\n<html lang=\"{tag}\">\n<head><meta charset=\"utf-8\"><title>{title}</title></head>\n<body>\n<main>\n<h1>{title}</h1>\n<p><code>{}</code> · HTTP {status}</p>\n<p>{remedy}</p>\n</main>\n</body>\n</html>\n",
            definition.name
        );
        return Ok(response.content_type("text/html; charset=utf-8").body(page));
    }
    Ok(response.json(json!({ "code": definition.name, "status": status, "title": title, "remedy": remedy, "retryable": definition.retryable })))
}
