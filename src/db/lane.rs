//! A lane: requests of one kind that wait together run as one set-based command.
//!
//! One transaction with a handful of statements for each request is what limits a hot command, not the rows it writes. A lane takes
//! all that wait, runs them as one call of many rows, and answers each on its own after the commit. A call that fails as a whole is
//! taken back, and each of its requests runs alone, so that nobody pays for a neighbour's mistake.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use diesel::connection::SimpleConnection;
use tokio::sync::oneshot;

use super::connection::DbConnection;
use super::executor::{Command, Queue};
use crate::error::{Code, Error, Result};

/// Requests of one call.
const CALL_REQUESTS_MAX: usize = 256;

/// Runs requests together: a result for each, in their order. A refused request must have left nothing behind.
pub type Together<I, T> = fn(&mut DbConnection, &[I]) -> Result<Vec<Result<T>>>;

/// Handle to a lane; cheap to clone.
pub struct Lane<I, T>(Arc<Inner<I, T>>);

struct Inner<I, T> {
    together: Together<I, T>,
    writes: Queue,
    waiting: Mutex<Waiting<I, T>>,
}

struct Waiting<I, T> {
    requests: Vec<Request<I, T>>,
    /// A command of this lane is on its way and will take what waits; there is never a second one.
    driven: bool,
}

type Request<I, T> = (I, oneshot::Sender<Result<T>>);

impl<I, T> Clone for Lane<I, T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I, T> std::fmt::Debug for Lane<I, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").finish_non_exhaustive()
    }
}

impl<I: Send + 'static, T: Send + 'static> Lane<I, T> {
    pub(super) fn new(writes: Queue, together: Together<I, T>) -> Self {
        let waiting = Mutex::new(Waiting { requests: Vec::new(), driven: false });
        Self(Arc::new(Inner { together, writes, waiting }))
    }

    /// Runs a request with whatever else waits, and gives its own result after the commit.
    ///
    /// # Errors
    /// What the command says, [`Code::DatabaseBusy`], or [`Code::DatabaseUnavailable`] when the commit failed.
    pub async fn run(&self, request: I) -> Result<T> {
        let (answer, wait) = oneshot::channel();
        let first = {
            let mut waiting = self.lock();
            waiting.requests.push((request, answer));
            !mem::replace(&mut waiting.driven, true)
        };
        if first {
            self.drive();
        }
        wait.await.unwrap_or_else(|_| Err(Error::internal("a database thread ended")))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting<I, T>> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues the command that takes what waits; when the queue is full, those who wait are told so.
    fn drive(&self) {
        let call = Call { lane: self.clone(), requests: Vec::new(), results: Vec::new() };
        if self.0.writes.try_send(Box::new(call)).is_err() {
            let refused = {
                let mut waiting = self.lock();
                waiting.driven = false;
                mem::take(&mut waiting.requests)
            };
            for (_, answer) in refused {
                // The caller may have gone away.
                drop(answer.send(Err(Error::new(Code::DatabaseBusy))));
            }
        }
    }
}

/// One call of a lane: what waited when the database thread came to it.
struct Call<I, T> {
    lane: Lane<I, T>,
    requests: Vec<I>,
    results: Vec<(oneshot::Sender<Result<T>>, Result<T>)>,
}

impl<I: Send + 'static, T: Send + 'static> Call<I, T> {
    fn take(&mut self) -> Vec<oneshot::Sender<Result<T>>> {
        let mut waiting = self.lane.lock();
        let count = waiting.requests.len().min(CALL_REQUESTS_MAX);
        let (requests, answers) = waiting.requests.drain(..count).unzip();
        self.requests = requests;
        answers
    }

    /// All together; when that fails as a whole, each alone.
    fn results(&self, connection: &mut DbConnection) -> Result<Vec<Result<T>>> {
        match self.attempt(connection, &self.requests)? {
            Ok(results) => Ok(results),
            Err(error) if self.requests.len() == 1 => Ok(vec![Err(error)]),
            Err(_) => self
                .requests
                .chunks(1)
                .map(|request| {
                    Ok(self.attempt(connection, request)?.and_then(|mut results| {
                        results.pop().unwrap_or_else(|| Err(Error::internal("a request has no result")))
                    }))
                })
                .collect(),
        }
    }

    /// In a savepoint of its own; the outer error means that the transaction itself is lost.
    fn attempt(&self, connection: &mut DbConnection, requests: &[I]) -> Result<Result<Vec<Result<T>>>> {
        connection.batch_execute("savepoint lane").map_err(Error::unavailable)?;
        // A panic is a bug, but it must not take the other commands of the group with it.
        let results = catch_unwind(AssertUnwindSafe(|| (self.lane.0.together)(connection, requests)))
            .unwrap_or_else(|_| Err(Error::internal("a database command panicked")))
            .and_then(|results| {
                let whole = results.len() == requests.len();
                whole.then_some(results).ok_or_else(|| Error::internal("a lane must give one result for each request"))
            });
        let end = if results.is_ok() {
            "release savepoint lane"
        } else {
            "rollback to savepoint lane; release savepoint lane"
        };
        connection.batch_execute(end).map_err(Error::unavailable)?;
        Ok(results)
    }
}

impl<I: Send + 'static, T: Send + 'static> Command for Call<I, T> {
    fn run(&mut self, connection: &mut DbConnection) -> bool {
        let answers = self.take();
        let results = self.results(connection);
        let stands = results.is_ok();
        let results = results.unwrap_or_else(|error| answers.iter().map(|_| Err(error.clone())).collect());
        self.results = answers.into_iter().zip(results).collect();
        stands
    }

    fn fail(&mut self, error: Error) {
        if self.results.is_empty() {
            // It did not even come to run.
            self.results = self.take().into_iter().map(|answer| (answer, Err(error.clone()))).collect();
        }
        for (_, result) in self.results.iter_mut().filter(|(_, result)| result.is_ok()) {
            *result = Err(error.clone());
        }
    }

    fn finish(&mut self) {
        // What a request holds, its idempotency key, is free before its answer is there: the repeat may come at once.
        self.requests.clear();
        for (answer, result) in mem::take(&mut self.results) {
            // The caller may have gone away; its command stands all the same.
            drop(answer.send(result));
        }
        let more = {
            let mut waiting = self.lane.lock();
            waiting.driven = !waiting.requests.is_empty();
            waiting.driven
        };
        if more {
            self.lane.drive();
        }
    }
}
