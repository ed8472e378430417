//! HTTP of the public register: no token, and a minute in caches.

use actix_web::http::header;
use actix_web::{CustomizeResponder, Responder, get, web};
use utoipa_actix_web::service_config::ServiceConfig;

use super::job_posting::{JobPosting, job_posting};
use super::{JobPostingFilter, PublicAgreement, PublicAgreementFilter, store};
use crate::app::State;
use crate::db::{DbConnection, Id, Page};
use crate::error::Result;
use crate::http::{Answer, Listing, PageParams};

/// Whoever reads without a token is answered from a cache where there is one.
const CACHING: &str = "public, max-age=60";

fn cached(answer: Answer) -> CustomizeResponder<Answer> {
    answer.customize().insert_header((header::CACHE_CONTROL, CACHING))
}

/// List agreements for everybody
///
/// Which agreements were concluded, between whom, for how long, and what has come of them in all. Drafts and proposals are not shown, and
/// nothing about single persons.
#[utoipa::path(tag = "public", params(PageParams, PublicAgreementFilter),
    responses((status = 200, description = "A page of agreements", body = Page<PublicAgreement>)))]
#[get("/v1/public/agreements")]
async fn list_public_agreements(
    state: web::Data<State>,
    listing: Listing<PublicAgreementFilter>,
) -> Result<CustomizeResponder<Answer>> {
    let (page, keys, today) = (listing.page(&state)?, state.keys.clone(), state.clock.today());
    let read = move |connection: &mut DbConnection| {
        let rows = store::agreements(connection, &listing.filter, today, &page)?;
        Answer::page(&page.page(&keys, rows, |row| row.id))
    };
    state.db.read(read).await.map(cached)
}

/// List job postings for everybody
///
/// Posts that were published, as JobPosting of schema.org. Of a closed one `validThrough` is over.
#[utoipa::path(tag = "public", params(PageParams, JobPostingFilter),
    responses((status = 200, description = "A page of job postings", body = Page<JobPosting>)))]
#[get("/v1/public/job-postings")]
async fn list_job_postings(
    state: web::Data<State>,
    listing: Listing<JobPostingFilter>,
) -> Result<CustomizeResponder<Answer>> {
    let (page, keys, today) = (listing.page(&state)?, state.keys.clone(), state.clock.today());
    let read = move |connection: &mut DbConnection| {
        let offers = store::offers(connection, &listing.filter, today, &page)?;
        let offers = page.page(&keys, offers, |offer| offer.quota_id);
        Answer::page(&offers.map(|offer| job_posting(&offer, today)))
    };
    state.db.read(read).await.map(cached)
}

/// Read a job posting
///
/// One post as JobPosting of schema.org, in JSON-LD: what a page about it embeds.
#[utoipa::path(tag = "public", params(("quota_id" = Id, Path, description = "The quota")),
    responses((status = 200, description = "The job posting", body = JobPosting, content_type = "application/ld+json")))]
#[get("/v1/public/job-postings/{quota_id}")]
async fn get_job_posting(state: web::Data<State>, path: web::Path<Id>) -> Result<CustomizeResponder<Answer>> {
    let (quota_id, today) = (path.into_inner(), state.clock.today());
    let read = move |connection: &mut DbConnection| {
        let posting = job_posting(&store::offer_of(connection, quota_id, today)?, today);
        Ok(Answer { content_type: "application/ld+json".to_owned(), ..Answer::ok(&posting)? })
    };
    state.db.read(read).await.map(cached)
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_public_agreements).service(list_job_postings).service(get_job_posting);
}
