//! Named threads that own the connections, fed by bounded queues.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use tokio::sync::oneshot;

use super::connection::{DbConnection, Location};
use super::lane::{Lane, Together};
use crate::error::{Code, Error, Result};

/// Commands that may share one commit (and so one fsync) on SQLite.
const GROUP_COMMANDS_MAX: usize = 256;
/// Commands that may wait in a queue before a caller is told to come back.
const QUEUE_COMMANDS_MAX: usize = 4096;
/// Threads that write to PostgreSQL at once.
const POSTGRES_WRITERS: usize = 8;
/// How long a thread waits before it tries to reopen a lost connection.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Runs on a database thread and says whether its effects stand (`Ok`) or are taken back (`Err`); the answer is sent by `finish`.
pub(super) trait Command: Send {
    fn run(&mut self, connection: &mut DbConnection) -> bool;
    fn fail(&mut self, error: Error);
    /// Sends the answer; called after the commit.
    fn finish(&mut self);
}

struct Task<T, F> {
    work: Option<F>,
    result: Option<Result<T>>,
    answer: Option<oneshot::Sender<Result<T>>>,
}

impl<T: Send, F: FnOnce(&mut DbConnection) -> Result<T> + Send> Command for Task<T, F> {
    fn run(&mut self, connection: &mut DbConnection) -> bool {
        let Some(work) = self.work.take() else { return false };
        // A panic is a bug, but it must not take the other commands of the group with it.
        let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| Err(Error::internal("a database command panicked")));
        let stands = result.is_ok();
        self.result = Some(result);
        stands
    }

    fn fail(&mut self, error: Error) {
        // An error of the command itself says more than the failed commit behind it.
        if !matches!(self.result, Some(Err(_))) {
            self.result = Some(Err(error));
        }
    }

    fn finish(&mut self) {
        if let (Some(answer), Some(result)) = (self.answer.take(), self.result.take()) {
            // The caller may have gone away; its command stands all the same.
            drop(answer.send(result));
        }
    }
}

pub(super) type Queue = Sender<Box<dyn Command>>;

/// Handle to the database; cheap to clone.
#[derive(Clone)]
pub struct Db {
    reads: Queue,
    writes: Queue,
    location: Arc<Location>,
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db").finish_non_exhaustive()
    }
}

impl Db {
    /// Opens the database and starts its threads; the schema must be up to date (see [`Location::migrate`]).
    ///
    /// # Errors
    /// [`Code::DatabaseUnavailable`].
    pub fn open(location: Location, readers: usize) -> Result<Self> {
        let (reads, read_queue) = bounded(QUEUE_COMMANDS_MAX);
        let (writes, write_queue) = bounded(QUEUE_COMMANDS_MAX);
        let location = Arc::new(location);
        let writers = match *location {
            Location::Sqlite(_) => 1,
            Location::Postgres(_) => POSTGRES_WRITERS,
        };
        for number in 0..readers.max(1) {
            let connection = location.open(true)?;
            spawn(
                format!("db-read-{number}"),
                Worker { location: Arc::clone(&location), read_only: true },
                connection,
                read_queue.clone(),
            )?;
        }
        for number in 0..writers {
            let connection = location.open(false)?;
            spawn(
                format!("db-write-{number}"),
                Worker { location: Arc::clone(&location), read_only: false },
                connection,
                write_queue.clone(),
            )?;
        }
        Ok(Self { reads, writes, location })
    }

    /// Where the data lies.
    #[must_use]
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// A lane for requests that run `together`.
    #[must_use]
    pub fn lane<I: Send + 'static, T: Send + 'static>(&self, together: Together<I, T>) -> Lane<I, T> {
        Lane::new(self.writes.clone(), together)
    }

    /// Runs a query on a read connection.
    ///
    /// # Errors
    /// What `work` says, or [`Code::DatabaseBusy`] when too many calls wait.
    pub async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        submit(&self.reads, work).await
    }

    /// Runs a command in a transaction of its own; when it gives an error nothing of it remains.
    ///
    /// # Errors
    /// What `work` says, [`Code::DatabaseBusy`], or [`Code::DatabaseUnavailable`] when the commit failed.
    pub async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut DbConnection) -> Result<T> + Send + 'static,
    {
        submit(&self.writes, work).await
    }
}

async fn submit<T, F>(queue: &Queue, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&mut DbConnection) -> Result<T> + Send + 'static,
{
    let (answer, wait) = oneshot::channel();
    let task = Task { work: Some(work), result: None, answer: Some(answer) };
    match queue.try_send(Box::new(task)) {
        Ok(()) => wait.await.unwrap_or_else(|_| Err(Error::internal("a database thread ended"))),
        Err(TrySendError::Full(_)) => Err(Error::new(Code::DatabaseBusy)),
        Err(TrySendError::Disconnected(_)) => Err(Error::internal("the database threads have ended")),
    }
}

struct Worker {
    location: Arc<Location>,
    read_only: bool,
}

fn spawn(name: String, worker: Worker, connection: DbConnection, queue: Receiver<Box<dyn Command>>) -> Result<()> {
    std::thread::Builder::new()
        .name(name)
        .spawn(move || worker.serve(connection, &queue))
        .map(drop)
        .map_err(|cause| Error::internal(cause.to_string()))
}

impl Worker {
    fn serve(&self, mut connection: DbConnection, queue: &Receiver<Box<dyn Command>>) {
        while let Ok(first) = queue.recv() {
            let healthy = match (&mut connection, self.read_only) {
                (DbConnection::Sqlite(_), false) => run_group(&mut connection, first, queue),
                // One snapshot for all statements of a read, which SQLite gives anyway.
                (DbConnection::Postgres(_), true) => {
                    run_one(&mut connection, first, "begin isolation level repeatable read read only")
                }
                _ => run_one(&mut connection, first, "begin"),
            };
            if !healthy {
                connection = self.reopen(queue);
            }
        }
    }

    /// Tries until the database is there again. Whoever asks meanwhile is told so at once: nobody waits for a database that is away.
    fn reopen(&self, queue: &Receiver<Box<dyn Command>>) -> DbConnection {
        loop {
            match self.location.open(self.read_only) {
                Ok(fresh) => return fresh,
                Err(error) => {
                    tracing::error!(error = %error, "database connection lost; trying again");
                    let deadline = std::time::Instant::now() + RECONNECT_PAUSE;
                    while let Ok(mut command) = queue.recv_deadline(deadline) {
                        command.fail(error.clone());
                        command.finish();
                    }
                }
            }
        }
    }
}

/// One command, one transaction. Gives `false` when the connection is of no more use.
fn run_one(connection: &mut DbConnection, mut command: Box<dyn Command>, begin: &str) -> bool {
    let mut healthy = true;
    match begin_transaction(connection, begin) {
        Ok(()) => {
            let outcome = if command.run(connection) { commit(connection) } else { rollback(connection) };
            if let Err(cause) = outcome {
                command.fail(Error::unavailable(cause));
                healthy = false;
            }
        }
        Err(cause) => {
            command.fail(Error::unavailable(cause));
            healthy = false;
        }
    }
    command.finish();
    healthy
}

/// Group commit: what is queued runs in one transaction, each command in its own savepoint, with one fsync at the end.
fn run_group(connection: &mut DbConnection, first: Box<dyn Command>, queue: &Receiver<Box<dyn Command>>) -> bool {
    let mut group = vec![first];
    let outcome = begin_transaction(connection, "begin immediate").and_then(|()| {
        let mut done = 0;
        while let Some(command) = group.get_mut(done) {
            connection.batch_execute("savepoint command")?;
            let stands = command.run(connection);
            connection.batch_execute(if stands {
                "release command"
            } else {
                "rollback to command; release command"
            })?;
            done += 1;
            if done == group.len() && done < GROUP_COMMANDS_MAX {
                group.extend(queue.try_recv());
            }
        }
        commit(connection)
    });
    if let Err(cause) = &outcome {
        drop(rollback(connection));
        for command in &mut group {
            command.fail(Error::unavailable(cause));
        }
    }
    for mut command in group {
        command.finish();
    }
    outcome.is_ok()
}

/// Runs one command in a transaction on a connection at hand, without the threads: for the command line.
///
/// # Errors
/// What `work` says, or [`Code::DatabaseUnavailable`] when the commit failed; then nothing of it remains.
pub fn once<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    let begin = if matches!(connection, DbConnection::Sqlite(_)) { "begin immediate" } else { "begin" };
    begin_transaction(connection, begin).map_err(Error::unavailable)?;
    match work(connection) {
        Ok(done) => commit(connection).map(|()| done).map_err(Error::unavailable),
        Err(error) => {
            // The command's own error says more than a failed rollback; the connection ends with the process.
            drop(rollback(connection));
            Err(error)
        }
    }
}

/// Runs reads that must all see the same moment on a connection at hand: for the command line.
///
/// # Errors
/// What `work` says, or [`Code::DatabaseUnavailable`].
pub fn snapshot<T>(connection: &mut DbConnection, work: impl FnOnce(&mut DbConnection) -> Result<T>) -> Result<T> {
    let begin = match connection {
        DbConnection::Sqlite(_) => "begin",
        DbConnection::Postgres(_) => "begin isolation level repeatable read read only",
    };
    begin_transaction(connection, begin).map_err(Error::unavailable)?;
    let read = work(connection);
    // Nothing was written that could be lost with it.
    drop(rollback(connection));
    read
}

fn begin_transaction(connection: &mut DbConnection, begin: &str) -> diesel::QueryResult<()> {
    match connection {
        DbConnection::Sqlite(inner) => AnsiTransactionManager::begin_transaction_sql(inner, begin),
        DbConnection::Postgres(inner) => AnsiTransactionManager::begin_transaction_sql(inner, begin),
    }
}

fn commit(connection: &mut DbConnection) -> diesel::QueryResult<()> {
    match connection {
        DbConnection::Sqlite(inner) => AnsiTransactionManager::commit_transaction(inner),
        DbConnection::Postgres(inner) => AnsiTransactionManager::commit_transaction(inner),
    }
}

fn rollback(connection: &mut DbConnection) -> diesel::QueryResult<()> {
    match connection {
        DbConnection::Sqlite(inner) => AnsiTransactionManager::rollback_transaction(inner),
        DbConnection::Postgres(inner) => AnsiTransactionManager::rollback_transaction(inner),
    }
}
