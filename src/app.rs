//! The application: what every request can reach, and the list of every route.

use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpRequest, web};
use tracing_actix_web::TracingLogger;
use utoipa_actix_web::service_config::ServiceConfig;
use utoipa_actix_web::{AppExt, scope};

use crate::arrivals::claims_command::RecordClaims;
use crate::arrivals::recording::Judge;
use crate::arrivals::recording::attaching::{Attach, attach_waiting};
use crate::clock::Clock;
use crate::config::Limits;
use crate::db::{Db, Id, Location, once};
use crate::discrepancies::following::follow;
use crate::dispatches::enrolment::{Enrolments, enrol_waiting};
use crate::dispatches::outcomes::sweep_lapsed;
use crate::dispatches::roster_command::EnrolRoster;
use crate::error::{Code, Error, Fault, Result};
use crate::http::edge::{edge, unrouted};
use crate::http::idempotency::Running;
use crate::http::rate_limits::RateLimits;
use crate::http::request_span::RequestSpan;
use crate::http::route_table::RouteTable;
use crate::identity::throttle::Throttle;
use crate::identity::token::{CurrentTokenKeys, TokenKeys, VerifiedTokens};
use crate::interchange::{apply_command, store as import_store};
use crate::jobs::row_jobs::step_of;
use crate::jobs::{JobCode, JobCodes, JobKind, Kept};
use crate::quotas::accounts::Sweep;
use crate::reconciliation::run::Follow;
use crate::reconciliation::run_command;
use crate::retention::checks::judge_corrected;
use crate::retention::row_commands::{RecordExits, RecordObservations, RecordSpells};
use crate::seal::{self, KeyRing};
use crate::webhooks::courier::Courier;
use crate::webhooks::guard::{Guard, SystemLookup};
use crate::webhooks::sending::Sender;
use crate::workers::batch_command::RegisterWorkers;

/// Verified tokens remembered at once.
const TOKENS_REMEMBERED: usize = 65_536;

/// What every request can reach. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// The database.
    pub db: Db,
    /// The only clock.
    pub clock: Clock,
    /// The clock of clients (tokens, assertions, idempotency keys, webhooks): the same, except in a sandbox, where the other is moved by hand.
    pub token_clock: Clock,
    /// Whether this is a sandbox.
    pub is_sandbox: bool,
    /// Keys of sealing, blind indexes and cursors.
    pub keys: Arc<KeyRing>,
    /// Keys of tokens.
    pub token_keys: Arc<CurrentTokenKeys>,
    /// How often tokens were asked for.
    pub token_requests: Arc<Throttle>,
    /// How often clients called.
    pub rate_limits: Arc<RateLimits>,
    /// Tokens verified a moment ago.
    pub verified: Arc<VerifiedTokens>,
    /// Address of the exchange, without a slash at the end.
    pub public_url: Arc<str>,
    /// Takes lapsed rosters off the accounts of an agreement.
    pub sweep: Sweep,
    /// Judges the retention of placements whose arrival was corrected.
    pub judge: Judge,
    /// Attaches the claims that waited for a departure.
    pub attach: Attach,
    /// Follows a finished reconciliation.
    pub follow: Follow,
    /// Single workers to be enrolled, which wait for each other and are enrolled together.
    pub enrolments: Enrolments,
    /// Commands running in this process, by idempotency key.
    pub running: Running,
    /// The code for each kind of job.
    pub job_codes: JobCodes,
    /// Rings when a job has been queued.
    pub jobs_waiting: Arc<tokio::sync::Notify>,
    /// What a client may take of the server's time.
    pub limits: Limits,
    /// Where webhooks may go.
    pub webhook_guard: Guard,
    /// Methods of every path.
    pub routes: Arc<RouteTable>,
    /// The API document as it is served.
    pub document: Arc<[u8]>,
    /// Set when the server is about to stop.
    pub draining: Arc<std::sync::atomic::AtomicBool>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State").finish_non_exhaustive()
    }
}

impl State {
    /// Takes over the signing keys of a rotated ring; tokens are verified anew.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] when it is another ring, or one of its keys cannot be used; then nothing changes.
    pub fn reload_token_keys(&self, ring: &KeyRing) -> Result<()> {
        if ring.fingerprint() != self.keys.fingerprint() {
            return Err(Error::new(Code::ConfigurationInvalid)
                .detail("the key file holds another key ring", "密钥文件中是另一个密钥环"));
        }
        self.token_keys.replace(token_keys(ring)?);
        self.verified.clear();
        Ok(())
    }

    /// The courier of this state's webhooks; it says loudly when it may go where it should not.
    ///
    /// # Errors
    /// [`Code::ConfigurationInvalid`] when this machine cannot check certificates.
    pub fn courier(&self) -> Result<Courier> {
        if self.webhook_guard.allow_private {
            tracing::warn!(
                "webhooks may go to PRIVATE ADDRESSES and without TLS: whoever registers an endpoint can reach what this machine reaches; \
                 never set --webhook-allow-private on a real exchange"
            );
        }
        // A receiver compares the time of a signature with its own clock, which nobody moves by hand.
        let clock = self.token_clock.clone();
        let sender = Sender::new(self.webhook_guard, Arc::new(SystemLookup), clock.clone())?;
        Ok(Courier::new(self.db.clone(), clock, Arc::clone(&self.keys), sender))
    }

    /// Delivers webhooks until the server is about to stop. Where none can be delivered the log says so, and everything else works.
    pub fn deliver(&self) -> impl Future<Output = ()> + use<> {
        let (courier, draining) = (self.courier(), Arc::clone(&self.draining));
        async move {
            match courier {
                Ok(courier) => courier.run(draining).await,
                Err(error) => {
                    let told = error.detail.map(|detail| detail.en).unwrap_or_default();
                    tracing::error!(told, "webhooks are NOT delivered");
                }
            }
        }
    }

    /// Brings the schema up to date and opens everything.
    ///
    /// # Errors
    /// [`Code::DatabaseUnavailable`]; [`Code::ConfigurationInvalid`], also when the database belongs to another key ring or to a newer
    /// program.
    pub fn open(location: Location, readers: usize, keys: KeyRing, public_url: &str, clock: Clock) -> Result<Self> {
        for name in location.migrate()? {
            tracing::info!(migration = name, "migrated");
        }
        let token_keys = token_keys(&keys)?;
        once(&mut location.open(false)?, |connection| seal::store::bind(connection, &keys, clock.now()))?;
        let document = crate::http::docs::document();
        let db = Db::open(location, readers)?;
        Ok(Self {
            sweep: sweep_lapsed,
            judge: judge_corrected,
            attach: attach_waiting,
            follow,
            enrolments: db.lane(enrol_waiting),
            db,
            token_clock: clock.clone(),
            clock,
            is_sandbox: false,
            keys: Arc::new(keys),
            token_keys: Arc::new(CurrentTokenKeys::new(token_keys)),
            token_requests: Arc::default(),
            rate_limits: Arc::default(),
            verified: Arc::new(VerifiedTokens::new(TOKENS_REMEMBERED)),
            public_url: public_url.trim_end_matches('/').into(),
            running: Running::default(),
            job_codes: JOB_CODES,
            jobs_waiting: Arc::default(),
            limits: Limits::default(),
            webhook_guard: Guard::default(),
            routes: Arc::new(RouteTable::of(&document).map_err(Error::internal)?),
            document: crate::http::docs::text(&document).into_bytes().into(),
            draining: Arc::default(),
        })
    }
}

fn token_keys(ring: &KeyRing) -> Result<TokenKeys> {
    TokenKeys::of(ring)
        .map_err(|error| Error::new(Code::ConfigurationInvalid).detail(error.to_string(), error.chinese()))
}

/// The code for each kind of job.
const JOB_CODES: JobCodes = &[
    JobCode::of(JobKind::Workers, step_of::<RegisterWorkers>),
    JobCode::of(JobKind::Roster, step_of::<EnrolRoster>),
    JobCode::of(JobKind::Claims, step_of::<RecordClaims>),
    JobCode::of(JobKind::Observations, step_of::<RecordObservations>),
    JobCode::of(JobKind::Exits, step_of::<RecordExits>),
    JobCode::of(JobKind::Spells, step_of::<RecordSpells>),
    JobCode { kind: JobKind::Reconciliation, step: run_command::step, abandon: run_command::abandon, kept: None },
    JobCode {
        kind: JobKind::Import,
        step: apply_command::step,
        abandon: apply_command::abandon,
        kept: Some(Kept { over: import_store::over, delete: import_store::delete }),
    },
];

/// Every route, slice by slice. Each slice mounts its own; the API document is collected from the same list.
pub fn routes(config: &mut ServiceConfig) {
    crate::identity::routes::mount(config);
    crate::regions::routes::mount(config);
    crate::calendar::routes::mount(config);
    crate::parties::routes::mount(config);
    crate::workers::routes::mount(config);
    crate::agreements::routes::mount(config);
    config.service(scope::scope("/v1/agreements/{agreement_id}").configure(within_agreement));
    crate::reconciliation::routes::mount(config);
    crate::indicators::routes::mount(config);
    crate::interchange::routes::mount(config);
    crate::jobs::routes::mount(config);
    crate::events::routes::mount(config);
    crate::webhooks::routes::mount(config);
    crate::public_register::routes::mount(config);
    crate::code_lists::routes::mount(config);
    crate::sandbox::routes::mount(config);
    crate::http::docs::mount(config);
}

/// What stands below one agreement, in a scope of its own: routes are tried one after the other, and here each is tried against the rest
/// of the path only.
fn within_agreement(config: &mut ServiceConfig) {
    crate::dispatches::routes::mount_within(config);
    crate::arrivals::routes::mount_within(config);
    crate::fulfilment::routes::mount_within(config);
    crate::quotas::routes::mount_within(config);
    crate::retention::routes::mount_within(config);
    crate::reconciliation::routes::mount_within(config);
    crate::discrepancies::routes::mount_within(config);
    crate::statements::routes::mount_within(config);
    crate::indicators::routes::mount_within(config);
    crate::agreements::routes::mount_within(config);
}

/// The application of one HTTP worker.
pub fn app(
    state: &State,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = actix_web::Error,
        InitError = (),
    > + use<>,
> {
    let path = web::PathConfig::default().error_handler(|_, request| path_error(request).into());
    App::new()
        .app_data(web::Data::new(state.clone()))
        .app_data(path)
        .wrap(from_fn(edge))
        .wrap(TracingLogger::<RequestSpan>::new())
        .configure(crate::http::docs::mount_reader)
        .into_utoipa_app()
        .configure(routes)
        .into_app()
        .default_service(web::to(unrouted))
}

/// The first segment that is not what its name says: an id (`…_id`) or a number. Its value may be personal and is not repeated.
fn path_error(request: &HttpRequest) -> Error {
    let fits = |name: &str, value: &str| {
        if name.ends_with("_id") { Id::parse(value).is_ok() } else { value.parse::<i64>().is_ok() }
    };
    let name = request.match_info().iter().find(|(name, value)| !fits(name, value)).map_or("", |(name, _)| name);
    let (en, zh) = if name.ends_with("_id") {
        (
            "must be an id such as 0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50",
            "须为编号，例如 0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50",
        )
    } else if name == "step" {
        ("must be a step of the funnel, such as onboarded", "须为履约环节，例如 onboarded")
    } else {
        ("must be a number", "须为数字")
    };
    Error::new(Code::ParameterInvalid).fault(Fault::path(name, "parameter_invalid", en, zh))
}
