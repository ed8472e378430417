//! HTTP of jobs: look and cancel; what became of each row is read in `results`.

mod results;

use actix_web::{get, post, web};
use results::{get_rejected_rows, list_job_results};
use serde_json::Value;
use utoipa_actix_web::service_config::ServiceConfig;

use super::store::{self, JobFilter};
use super::{CANCELLED, Job, JobState, work};
use crate::app::State;
use crate::db::{DbConnection, Id, Page};
use crate::error::{Code, Error, Result};
use crate::http::extract::EmptyBody;
use crate::http::{Answer, Listing, PageParams, Posted};
use crate::identity::Caller;
use crate::identity::policy::{JobsRead, JobsWrite};

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_jobs).service(get_job).service(cancel_job).service(list_job_results).service(get_rejected_rows);
}

/// List jobs
///
/// The jobs of the caller's party, whoever of its clients began them. A finished job is kept for 30 days.
#[utoipa::path(tag = "jobs", params(PageParams, JobFilter),
    responses((status = 200, description = "A page of jobs", body = Page<Job>)), security(("oauth2" = ["jobs.read"])))]
#[get("/v1/jobs")]
async fn list_jobs(state: web::Data<State>, caller: Caller<JobsRead>, listing: Listing<JobFilter>) -> Result<Answer> {
    let (page, keys) = (listing.page(&state)?, state.keys.clone());
    let read = move |connection: &mut DbConnection| {
        let rows = store::list(connection, &caller.scope, &listing.filter, &page)?;
        Answer::page(&page.page(&keys, rows, |job| job.id))
    };
    state.db.read(read).await
}

/// Read a job
///
/// How far it is. It answers 200 also when the work has failed: `error` says why then.
#[utoipa::path(tag = "jobs", params(("job_id" = Id, Path, description = "The job")),
    responses((status = 200, description = "The job", body = Job, headers(("ETag")))), security(("oauth2" = ["jobs.read"])))]
#[get("/v1/jobs/{job_id}")]
async fn get_job(state: web::Data<State>, caller: Caller<JobsRead>, path: web::Path<Id>) -> Result<Answer> {
    let id = path.into_inner();
    let read = move |connection: &mut DbConnection| {
        let job = store::one(connection, &caller.scope, id)?;
        Ok(Answer::ok(&job)?.version(job.version))
    };
    state.db.read(read).await
}

/// Cancel a job
///
/// What it has done stands and is listed; the step at hand is taken back, and nothing more is done.
#[utoipa::path(tag = "jobs", params(("job_id" = Id, Path, description = "The job")), request_body = EmptyBody,
    responses((status = 200, description = "The job, cancelled", body = Job, headers(("ETag")))), security(("oauth2" = ["jobs.write"])))]
#[post("/v1/jobs/{job_id}/cancellation")]
async fn cancel_job(
    state: web::Data<State>,
    caller: Caller<JobsWrite>,
    path: web::Path<Id>,
    posted: Posted<EmptyBody>,
) -> Result<Answer> {
    let (actor, id, within) = (caller.actor(&state), path.into_inner(), state.clone());
    let cancel = move |connection: &mut DbConnection| {
        let job = store::one(connection, &actor.scope, id)?;
        if !matches!(job.state, JobState::Receiving | JobState::Queued | JobState::Running) {
            return Err(Error::new(Code::TransitionNotAllowed).param("allowed_actions", Value::Array(Vec::new())));
        }
        store::cancel(connection, id, actor.now)?;
        (work::code_of(&within, job.kind)?.abandon)(connection, &job, &actor, CANCELLED)?;
        let job = store::one(connection, &actor.scope, id)?;
        Ok(Answer::ok(&job)?.version(job.version))
    };
    posted.key.run(&state, cancel).await
}
