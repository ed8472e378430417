//! What is served beside the work: health, the document, a page to read it by, and a page for each kind of problem.
//!
//! The reader's page is Swagger UI out of the binary: no network, no inline script. It is not part of the document itself.

use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, guard, web};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_swagger_ui::Config;

use crate::app::State;
use crate::error::{Code, Error, Language, Result};
use crate::http::extract::language_of;

/// Scripts and styles of our own only. Swagger UI writes style attributes and draws its icons from data addresses.
const READER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A page of text needs nothing at all.
const TEXT_POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// No page needs a device.
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";

/// Media type of the catalogue (RFC 9727 §4.2).
const LINKSET: &str = "application/linkset+json; profile=\"https://www.rfc-editor.org/info/rfc9727\"";

/// Mounts what the document describes.
pub fn mount(config: &mut ServiceConfig) {
    config
        .service(get_root)
        .service(get_api_catalog)
        .service(check_liveness)
        .service(check_readiness)
        .service(get_document)
        .service(explain_problem);
}

/// Where everything else is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "name": "labour exchange 劳务协作履约对账", "document": "/openapi.json", "reader": "/docs", "catalog": "/.well-known/api-catalog" }))]
pub struct Root {
    /// What this is.
    #[schema(max_length = 100)]
    name: &'static str,
    /// Path of the API document.
    #[schema(max_length = 100)]
    document: &'static str,
    /// Path of the page to read it by.
    #[schema(max_length = 100)]
    reader: &'static str,
    /// Path of the API catalogue.
    #[schema(max_length = 100)]
    catalog: &'static str,
}

/// Find one's way
///
/// The document, the page to read it by, and the catalogue; the same as `Link` headers (RFC 9727).
#[utoipa::path(tag = "operation", responses((status = 200, description = "Where everything else is", body = Root,
    headers(("Link" = String, description = "The same addresses with their relations")))))]
#[get("/")]
pub async fn get_root() -> HttpResponse {
    let links = "</.well-known/api-catalog>; rel=\"api-catalog\", </openapi.json>; rel=\"service-desc\", \
        </docs>; rel=\"service-doc\", </readyz>; rel=\"status\"";
    HttpResponse::Ok().insert_header((header::LINK, links)).json(Root {
        name: "labour exchange 劳务协作履约对账",
        document: "/openapi.json",
        reader: "/docs",
        catalog: "/.well-known/api-catalog",
    })
}

/// Read the API catalogue
///
/// RFC 9727: the API, its description, its documentation and its status, as a linkset (RFC 9264).
#[utoipa::path(tag = "operation", responses((status = 200, description = "The catalogue", content_type = "application/linkset+json", body = Object,
    headers(("Link" = String, description = "The address of the catalogue itself")),
    example = json!({ "linkset": [{ "anchor": "https://exchange.example.cn/v1", "service-desc": [{ "href": "https://exchange.example.cn/openapi.json", "type": "application/vnd.oai.openapi+json;version=3.1" }] }] }))))]
#[get("/.well-known/api-catalog")]
pub async fn get_api_catalog(state: web::Data<State>) -> HttpResponse {
    let at = |path: &str| format!("{}{path}", state.public_url);
    let link = |path: &str, media_type: &str| json!([{ "href": at(path), "type": media_type }]);
    let catalog = json!({ "linkset": [{
        "anchor": at("/v1"),
        "service-desc": link("/openapi.json", "application/vnd.oai.openapi+json;version=3.1"),
        "service-doc": link("/docs", "text/html"),
        "status": link("/readyz", "application/json"),
    }] });
    let itself = format!("<{}>; rel=\"api-catalog\"", at("/.well-known/api-catalog"));
    HttpResponse::Ok().insert_header((header::LINK, itself)).content_type(LINKSET).body(catalog.to_string())
}

/// Mounts the reader's page.
pub fn mount_reader(config: &mut web::ServiceConfig) {
    config
        .service(web::resource("/docs").guard(guard::Get()).to(to_reader))
        .service(web::resource("/docs/{file:.*}").guard(guard::Get()).to(reader));
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "status": "ready" }))]
pub struct Health {
    /// `alive` or `ready`.
    #[schema(max_length = 10)]
    status: &'static str,
}

/// Tell that the process runs
///
/// For the restart decision of an orchestrator: says nothing about the database.
#[utoipa::path(tag = "operation", responses((status = 200, description = "It runs", body = Health)))]
#[get("/livez")]
pub async fn check_liveness() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "alive" })
}

/// Tell that requests can be sent here
///
/// For a load balancer: 503 while the server is stopping or the database cannot be reached.
#[utoipa::path(tag = "operation", responses((status = 200, description = "Send requests", body = Health)))]
#[get("/readyz")]
pub async fn check_readiness(state: web::Data<State>) -> Result<HttpResponse> {
    if state.draining.load(Ordering::Acquire) {
        return Err(Error::new(Code::Draining));
    }
    let reads = state
        .db
        .read(|connection| Ok(crate::db::statement("select position from feed_head where id = 1").run(connection)?));
    reads.await.map_err(Error::unavailable)?;
    Ok(HttpResponse::Ok().json(Health { status: "ready" }))
}

/// Read this document
///
/// OpenAPI 3.1, byte for byte the file committed with the source. It carries an ETag.
#[utoipa::path(
    tag = "operation",
    responses((
        status = 200,
        description = "The document",
        body = Object,
        headers(("ETag" = String, description = "Strong tag of the document"))
    ))
)]
#[get("/openapi.json")]
pub async fn get_document(state: web::Data<State>) -> HttpResponse {
    static TAG: OnceLock<String> = OnceLock::new();
    let tag = TAG.get_or_init(|| tag_of(&state.document));
    HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::ETAG, tag.as_str()))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(state.document.to_vec())
}

/// Cause and remedy of a kind of problem.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "code": "places_exhausted",
    "status": 409,
    "title": "No place is left",
    "remedy": "See free_places; choose another quota or ask the destination to approve more.",
    "retryable": false
}))]
pub struct ProblemPage {
    /// Stable code.
    #[schema(max_length = 100)]
    code: &'static str,
    /// HTTP status of its answers.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// One line.
    #[schema(max_length = 200)]
    title: &'static str,
    /// What to do.
    #[schema(max_length = 500)]
    remedy: &'static str,
    /// Whether the same request may succeed later.
    retryable: bool,
}

/// Explain a kind of problem
///
/// What the `type` of a problem points to: JSON for programs, HTML for people who ask for it, in the language of Accept-Language.
#[utoipa::path(
    tag = "operation",
    params(("code" = String, Path, description = "Stable code of the problem", example = "places_exhausted", pattern = "^[a-z_]{1,100}$", max_length = 100)),
    responses((status = 200, description = "Cause and remedy", content((ProblemPage = "application/json"), (String = "text/html"))))
)]
#[get("/problems/{code}")]
pub async fn explain_problem(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse> {
    let code = Code::from_name(&name).ok_or_else(|| Error::not_found("problem", "问题说明"))?;
    let definition = code.definition();
    let language = language_of(request.headers());
    let (title, remedy) = match language {
        Language::English => (definition.title_en, definition.remedy_en),
        Language::Chinese => (definition.title_zh, definition.remedy_zh),
    };
    let status = crate::http::problem::status_of(definition.kind).as_u16();
    let page = ProblemPage { code: definition.name, status, title, remedy, retryable: definition.retryable };
    let tag = crate::http::problem::language_tag(language);
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::VARY, "Accept, Accept-Language"))
        .insert_header((header::CONTENT_LANGUAGE, tag))
        .insert_header((header::CACHE_CONTROL, "public, max-age=3600"));
    if accept.contains("text/html") {
        guard_page(&mut response, TEXT_POLICY);
        return Ok(response.content_type("text/html; charset=utf-8").body(html(&page, tag)));
    }
    Ok(response.json(page))
}

fn html(page: &ProblemPage, tag: &str) -> String {
    let ProblemPage { code, status, title, remedy, .. } = page;
    format!(
        "<!doctype html>\n<html lang=\"{tag}\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title></head>\n<body>\n<main>\n<h1>{title}</h1>\n<p><code>{code}</code> · HTTP {status}</p>\n\
         <p>{remedy}</p>\n</main>\n</body>\n</html>\n"
    )
}

/// The methods of the reader's page, which is not in the document; none for every other path.
#[must_use]
pub fn reader_allows(path: &str) -> Option<&'static str> {
    (path == "/docs" || path.starts_with("/docs/")).then_some("GET, HEAD, OPTIONS")
}

async fn to_reader() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// A file of Swagger UI, made to read our document.
async fn reader(name: web::Path<String>) -> Result<HttpResponse> {
    static CONFIG: OnceLock<Arc<Config<'static>>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        // The validator of the reader's maker is another machine; nobody is told what is read here.
        Arc::new(Config::from("/openapi.json").validator_url("none").default_models_expand_depth(0).filter(true))
    });
    let file = utoipa_swagger_ui::serve(&name, Arc::clone(config)).map_err(Error::internal)?;
    let file = file.ok_or_else(|| Error::new(Code::NotFound))?;
    let mut response = HttpResponse::Ok();
    guard_page(&mut response, READER_POLICY);
    if file.gzpipped {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    response
        .content_type(file.content_type)
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::ETAG, tag_of(&file.bytes)));
    Ok(response.body(file.bytes.into_owned()))
}

fn guard_page(response: &mut actix_web::HttpResponseBuilder, policy: &'static str) {
    response
        .insert_header((header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy)))
        .insert_header((HeaderName::from_static("permissions-policy"), HeaderValue::from_static(PERMISSIONS)));
}

fn tag_of(bytes: &[u8]) -> String {
    let digest = hex::encode(Sha256::digest(bytes));
    format!("\"{}\"", digest.get(..32).unwrap_or(&digest))
}
