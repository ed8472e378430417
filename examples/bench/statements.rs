//! Where the database's time goes: every statement with how often it ran and how long it took, for whoever looks for the slow one.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

static SPENT: LazyLock<Mutex<HashMap<String, (u64, Duration)>>> = LazyLock::new(Mutex::default);

struct Watch {
    started: Instant,
}

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        match event {
            InstrumentationEvent::StartQuery { .. } => self.started = Instant::now(),
            InstrumentationEvent::FinishQuery { query, .. } => {
                let text = query.to_string();
                let text = text.split(" -- binds").next().unwrap_or_default().to_owned();
                let mut spent = SPENT.lock().unwrap();
                let entry = spent.entry(text).or_default();
                entry.0 += 1;
                entry.1 += self.started.elapsed();
            }
            _ => {}
        }
    }
}

/// Watches every connection opened from now on. It costs time itself, so that figures beside it are no measurement.
pub fn watch() {
    set_default_instrumentation(|| Some(Box::new(Watch { started: Instant::now() }))).unwrap();
}

/// Prints the statements that took longest since the last call.
pub fn print(after: &str) {
    let mut spent: Vec<_> = SPENT.lock().unwrap().drain().collect();
    spent.sort_by_key(|(_, (_, time))| std::cmp::Reverse(*time));
    for (text, (times, time)) in spent.into_iter().take(25) {
        let text: String = text.chars().take(110).collect();
        println!("    {after}: {times:>8} x {:>8.1} us  {text}", time.as_secs_f64() * 1e6 / times as f64);
    }
}
