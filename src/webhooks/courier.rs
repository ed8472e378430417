//! The courier (投递员): finds the endpoints that have something to get, sends it, and writes down what came of it.
//!
//! Each endpoint is served by a task of its own, so that a receiver that is slow or dead takes nobody else's time, and by one process at
//! a time: it is leased by a conditional update and let go in the transaction that settles the batch. What a killed process had not
//! settled is sent again when its lease has run out.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Stopwatch};

use tokio::task::JoinSet;

use super::delivery_store::{self as deliveries, Batch, ChainOfEvents, Reader};
use super::rules::Outcome;
use super::sending::Sender;
use super::settling::{self, Sent};
use super::signature::SigningSecret;
use super::store;
use crate::clock::Clock;
use crate::db::{Db, DbConnection, Id};
use crate::error::Result;
use crate::events::feed;
use crate::seal::KeyRing;

/// Chains of one endpoint that are sent side by side.
const CHAINS_AT_ONCE: usize = 4;
/// How long a batch may go on before it is settled; with the last answer it stays well within the lease.
const BATCH_TIME: Duration = Duration::from_secs(20);
/// How often the feed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long it is left alone when it cannot be read.
const AFTER_FAULT: Duration = Duration::from_secs(2);
/// Attempts of a batch from which on there is probably more to send at once.
const MORE_BEHIND: usize = 20;
/// Events for nobody after which an endpoint's position is moved over them.
const SKIPPED_MAX: i64 = 10_000;

/// Sends the events of the feed to endpoints. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Courier {
    db: Db,
    clock: Clock,
    keys: Arc<KeyRing>,
    sender: Sender,
    memory: Arc<Mutex<Memory>>,
}

/// What this process knows without asking.
#[derive(Debug, Default)]
struct Memory {
    /// How far the feed was searched for each endpoint without finding anything.
    searched: HashMap<Id, i64>,
    /// Endpoints that a task is serving.
    served: HashSet<Id>,
}

/// An endpoint that a task is serving, until the task ends, however it does.
struct Serving<'a>(&'a Courier, Id);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        self.0.remembered().served.remove(&self.1);
    }
}

impl Courier {
    /// A courier over a database.
    #[must_use]
    pub fn new(db: Db, clock: Clock, keys: Arc<KeyRing>, sender: Sender) -> Self {
        Self { db, clock, keys, sender, memory: Arc::default() }
    }

    /// Goes on until told to stop, and then finishes what is under way.
    pub async fn run(self, stopping: Arc<AtomicBool>) {
        let mut tasks = JoinSet::new();
        while !stopping.load(Ordering::Acquire) {
            let mut pause = LOOK_EVERY;
            match self.waiting().await {
                Ok(waiting) => self.serve(waiting, &stopping, &mut tasks),
                Err(error) => {
                    tracing::warn!(error = error.code.as_str(), "webhooks: the feed cannot be read");
                    pause = AFTER_FAULT;
                }
            }
            while tasks.try_join_next().is_some() {}
            tokio::time::sleep(pause).await;
        }
        tasks.join_all().await;
    }

    fn serve(&self, waiting: Vec<Id>, stopping: &Arc<AtomicBool>, tasks: &mut JoinSet<()>) {
        for id in waiting {
            if !self.remembered().served.insert(id) {
                continue;
            }
            let (courier, stopping) = (self.clone(), stopping.clone());
            tasks.spawn(async move {
                let _serving = Serving(&courier, id);
                while !stopping.load(Ordering::Acquire) {
                    match courier.step(id).await {
                        Ok(attempts) if attempts >= MORE_BEHIND => {}
                        Ok(_) => break,
                        Err(error) => {
                            tracing::warn!(endpoint = %id, %error, "webhooks: a batch was not settled");
                            break;
                        }
                    }
                }
            });
        }
    }

    /// Sends all that can be sent now, and gives how many attempts it took. For tests and tools; a server uses [`Self::run`].
    ///
    /// # Errors
    /// What the database says.
    pub async fn settle(&self) -> Result<usize> {
        let mut attempts = 0;
        loop {
            let waiting = self.waiting().await?;
            let mut tasks = JoinSet::new();
            for id in waiting {
                let courier = self.clone();
                tasks.spawn(async move { courier.step(id).await });
            }
            let mut sent = 0;
            for served in tasks.join_all().await {
                sent += served?;
            }
            if sent == 0 {
                return Ok(attempts);
            }
            attempts += sent;
        }
    }

    /// The endpoints that have something to get now.
    ///
    /// # Errors
    /// What the database says.
    pub async fn waiting(&self) -> Result<Vec<Id>> {
        feed::sequence(&self.db).await?;
        let (now, searched) = (self.clock.now(), self.remembered().searched.clone());
        let search = move |connection: &mut DbConnection| {
            let (newest, due) = (feed::head(connection)?, deliveries::due(connection, now)?);
            let (mut waiting, mut quiet) = (Vec::new(), Vec::new());
            for reader in deliveries::readers(connection, now)? {
                let from = searched.get(&reader.id).copied().unwrap_or_default().max(reader.position);
                if due.contains(&reader.id) || from < newest && deliveries::has_news(connection, &reader, from)? {
                    waiting.push(reader.id);
                } else {
                    quiet.push((reader, newest));
                }
            }
            Ok((waiting, quiet))
        };
        let (waiting, quiet) = self.db.read(search).await?;
        self.skip(quiet).await?;
        Ok(waiting)
    }

    /// Remembers for whom nothing was found; moves those on that lie far behind.
    async fn skip(&self, quiet: Vec<(Reader, i64)>) -> Result<()> {
        let far: Vec<(Reader, i64)> =
            quiet.iter().filter(|(reader, newest)| newest - reader.position > SKIPPED_MAX).cloned().collect();
        self.remembered().searched = quiet.into_iter().map(|(reader, newest)| (reader.id, newest)).collect();
        if far.is_empty() {
            return Ok(());
        }
        let skip = move |connection: &mut DbConnection| {
            far.iter().try_for_each(|(reader, newest)| deliveries::skip_to(connection, reader, *newest))
        };
        self.db.write(skip).await
    }

    /// Takes up what one endpoint gets next, sends it and settles it; how many attempts were made.
    ///
    /// # Errors
    /// What the database says; then the lease runs out by itself.
    pub async fn step(&self, id: Id) -> Result<usize> {
        let now = self.clock.now();
        let Some(mut batch) = self.db.write(move |connection| deliveries::take(connection, id, now)).await? else {
            return Ok(0);
        };
        let opened = batch.secrets.iter().map(|(id, sealed)| store::open_secret(&self.keys, *id, sealed));
        let secrets: Arc<Vec<SigningSecret>> = Arc::new(opened.collect::<Result<_>>()?);
        let chains = std::mem::take(&mut batch.chains);
        let sent = self.send(&batch, secrets, chains).await;
        let attempts = sent.iter().map(|sent| sent.outcomes.len()).sum();
        let now = self.clock.now();
        let settled =
            self.db.write(move |connection| settling::settle(connection, &batch, sent, now, &rand::random)).await?;
        if !settled {
            tracing::warn!(endpoint = %id, "webhooks: a lease was lost; the batch will be sent again");
        }
        Ok(attempts)
    }

    /// Sends chains side by side, each in its order up to the first failure.
    async fn send(&self, batch: &Batch, secrets: Arc<Vec<SigningSecret>>, chains: Vec<ChainOfEvents>) -> Vec<Sent> {
        let (width, started) = (chains.len().min(CHAINS_AT_ONCE), Stopwatch::now());
        let queue = Arc::new(Mutex::new(VecDeque::from(chains)));
        let mut tasks = JoinSet::new();
        for _ in 0..width {
            let (sender, queue, secrets) = (self.sender.clone(), queue.clone(), secrets.clone());
            let url = batch.endpoint.url.clone();
            tasks.spawn(async move {
                let mut all = Vec::new();
                loop {
                    let chain = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(chain) = chain else { break all };
                    let mut outcomes: Vec<Outcome> = Vec::new();
                    for event in &chain.events {
                        if started.elapsed() > BATCH_TIME {
                            break;
                        }
                        let outcome = sender.send(&url, &secrets, event).await;
                        outcomes.push(outcome);
                        if outcome.failure.is_some() {
                            break;
                        }
                    }
                    all.push(Sent { chain, outcomes });
                }
            });
        }
        tasks.join_all().await.into_iter().flatten().collect()
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
