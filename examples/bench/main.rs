//! Performance as ratios in one run: `make bench`, or `cargo run --release --example bench -- [sqlite|postgres://…] [seconds] [statements] [name…]`;
//! with parts of names, only what is named so is measured.
//!
//! Server, database and load share this machine, so absolute figures say little; each is printed beside a plain hello route of the same
//! run. Every request carries a real token; nothing is mocked. At the end the promise is checked in full: 16 clients, 10 quotas with
//! 10,000 places, 100,000 attempts, exactly 10,000 held; and a thousand races for one worker each.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "a measurement stops at the first surprise"
)]

mod books;
mod load;
mod rows;
mod scene;
mod statements;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use load::{Load, Request};
use scene::{Scene, Side};

/// Keep-alive connections of a measurement.
const CONNECTIONS: usize = 32;
/// Interleaved rounds; the median counts.
const ROUNDS: usize = 3;
const SINGLE: &str = "single-placement dispatch";
const ROSTER: &str = "roster call of 1,000 rows";
const OVERSOLD: &str = "never oversold";
const RACES: &str = "races";
/// Measured only where it is named, with its size behind it: `reconciliation=1000000`.
const RECONCILIATION: &str = "reconciliation=";

/// The same for a file of roster rows: `rows=100000`.
const FILE: &str = "rows=";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let database = arguments.first().map_or("sqlite", String::as_str).to_owned();
    let seconds: u64 = arguments.get(1).and_then(|text| text.parse().ok()).unwrap_or(3);
    let (told, wanted): (Vec<String>, Vec<String>) =
        arguments.into_iter().skip(2).partition(|word| word == "statements");
    let watched = !told.is_empty();
    if watched {
        statements::watch();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(measure(&database, Duration::from_secs(seconds), watched, &wanted));
}

async fn measure(database: &str, time: Duration, watched: bool, wanted: &[String]) {
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let told = |after: &str| {
        if watched {
            statements::print(after);
        }
    };
    let scene = Scene::start(database).await;
    if let Some(rows) = wanted.iter().find_map(|word| word.strip_prefix(RECONCILIATION)) {
        println!("database {}", scene.back_end());
        return books::measure(&scene, rows.parse().unwrap()).await;
    }
    if let Some(rows) = wanted.iter().find_map(|word| word.strip_prefix(FILE)) {
        println!("database {}", scene.back_end());
        return rows::measure(&scene, rows.parse().unwrap()).await;
    }
    println!(
        "database {}, {CONNECTIONS} connections, {ROUNDS} rounds of {} s, medians",
        scene.back_end(),
        time.as_secs()
    );
    let one = scene.shaoyang().await;
    let quota = one.quota(1_000_000).await;
    let sent = one.workers(0, 2_000).await;
    let dispatch = one.dispatch().await;
    one.enrol(&dispatch, &quota, &sent).await;
    one.depart(&dispatch).await;
    let people = one.workers(10_000, 10_000 + 20_000 * ROUNDS * time.as_secs() as usize / 3).await;
    let rosters = one.workers(1_000_000, 1_000 * 40 * ROUNDS).await;
    println!("seeded: {} workers, {} placements", sent.len() + people.len() + rosters.len(), sent.len());

    told("seeding");

    let token = &one.origin.token;
    let reads = [
        ("hello", Request::get(&scene.hello, "/hello", None)),
        ("fulfilment", Request::get(&scene.address, &one.path("/fulfilment"), Some(token))),
        ("page of 100 placements", Request::get(&scene.address, &one.path("/placements?limit=100"), Some(token))),
        ("one placement", Request::get(&scene.address, &one.first_placement().await, Some(token))),
    ];
    let mut figures: Vec<Vec<Load>> = vec![Vec::new(); reads.len() + 2];
    let next = Arc::new(AtomicUsize::new(0));
    for round in 0..ROUNDS {
        for (place, (name, request)) in reads.iter().enumerate() {
            if place > 0 && !wants(name) {
                continue;
            }
            let request = request.clone();
            figures[place].push(load::run(CONNECTIONS, time, move |_| Some(request.clone())).await);
            told(name);
        }
        if wants(SINGLE) {
            let batch = one.dispatch().await;
            figures[reads.len()].push(single_placements(&scene, &one, &batch, &quota, &people, &next, time).await);
            told(SINGLE);
        }
        if wants(ROSTER) {
            let rosters = rosters.chunks(40_000).nth(round).unwrap();
            figures[reads.len() + 1].push(roster_calls(&scene, &one, &quota, rosters).await);
            told(ROSTER);
        }
    }
    let hello = load::median(&figures[0]).per_second;
    for (place, name) in reads.iter().map(|(name, _)| *name).chain([SINGLE, ROSTER]).enumerate() {
        if figures[place].is_empty() {
            continue;
        }
        let median = load::median(&figures[place]);
        println!(
            "{name:28} {:>9.0}/s   {:>6.3} of hello   p50 {:>7.2} ms   p99 {:>7.2} ms",
            median.per_second,
            median.per_second / hello,
            median.p50_ms,
            median.p99_ms
        );
    }
    if wants(OVERSOLD) {
        never_oversold(&scene).await;
    }
    if wants(RACES) {
        one_winner_each(&scene).await;
    }
}

/// One placement a request, each of another worker.
async fn single_placements(
    scene: &Scene,
    side: &Side,
    dispatch: &str,
    quota: &str,
    people: &[String],
    next: &Arc<AtomicUsize>,
    time: Duration,
) -> Load {
    let path = side.path(&format!("/dispatches/{dispatch}/placements"));
    let (address, token, quota, people, next) =
        (scene.address.clone(), side.origin.token.clone(), quota.to_owned(), people.to_vec(), Arc::clone(next));
    load::run(CONNECTIONS, time, move |_| {
        let worker = people.get(next.fetch_add(1, Ordering::Relaxed))?;
        Some(Request::post(
            &address,
            &path,
            &token,
            &format!("{{\"worker_id\":\"{worker}\",\"quota_id\":\"{quota}\"}}"),
            201,
        ))
    })
    .await
}

/// Forty calls of a thousand rows each, at eight connections.
async fn roster_calls(scene: &Scene, side: &Side, quota: &str, workers: &[String]) -> Load {
    let dispatch = side.dispatch().await;
    let path = side.path(&format!("/dispatches/{dispatch}/roster"));
    let calls: Vec<Request> = workers
        .chunks(1_000)
        .map(|rows| Request::post(&scene.address, &path, &side.origin.token, &scene::roster_body(rows, quota), 207))
        .collect();
    let next = AtomicUsize::new(0);
    load::run(8, Duration::from_mins(1), move |_| calls.get(next.fetch_add(1, Ordering::Relaxed)).cloned()).await
}

/// 16 clients, 10 quotas of 1,000 places, 100,000 attempts: exactly 10,000 are held, and the ledger says the same.
async fn never_oversold(scene: &Scene) {
    let side = scene.county("430524", "LH").await;
    let mut quotas = Vec::new();
    for _ in 0..10 {
        quotas.push(side.quota(1_000).await);
    }
    let workers = side.workers(3_000_000, 100_000).await;
    let dispatch = side.dispatch().await;
    let path = side.path(&format!("/dispatches/{dispatch}/roster"));
    let calls: Vec<Request> = workers
        .chunks(100)
        .enumerate()
        .map(|(call, rows)| {
            Request::post(&scene.address, &path, &side.origin.token, &scene::roster_body(rows, &quotas[call % 10]), 207)
        })
        .collect();
    let next = AtomicUsize::new(0);
    let attempts =
        load::run(16, Duration::from_mins(10), move |_| calls.get(next.fetch_add(1, Ordering::Relaxed)).cloned()).await;
    let mut held = 0;
    for quota in &quotas {
        held += side.held(quota).await;
    }
    let wrong = scene.ledger_differences().await;
    println!(
        "100,000 attempts for 10,000 places, 16 clients: {held} held, {wrong} accounts off their ledger ({:.0} rows/s)",
        attempts.per_second * 100.0
    );
    assert!(held == 10_000 && wrong == 0);
}

/// A thousand times two counties enrol the same person at once: one wins each.
async fn one_winner_each(scene: &Scene) {
    let (one, other) = (scene.county("430525", "DK").await, scene.county("430527", "SN").await);
    let (quota, other_quota) = (one.quota(1_000).await, other.quota(1_000).await);
    let (dispatch, other_dispatch) = (one.dispatch().await, other.dispatch().await);
    let (ours, theirs) = (one.workers(5_000_000, 1_000).await, other.workers(5_000_000, 1_000).await);
    let race = |side: &Side, dispatch: &str, worker: &str, quota: &str| {
        let path = side.path(&format!("/dispatches/{dispatch}/placements"));
        Request::post(
            &scene.address,
            &path,
            &side.origin.token,
            &format!("{{\"worker_id\":\"{worker}\",\"quota_id\":\"{quota}\"}}"),
            0,
        )
    };
    let requests: Vec<Request> = ours
        .iter()
        .zip(&theirs)
        .flat_map(|(our, their)| {
            [race(&one, &dispatch, our, &quota), race(&other, &other_dispatch, their, &other_quota)]
        })
        .collect();
    let next = AtomicUsize::new(0);
    load::run(16, Duration::from_mins(10), move |_| requests.get(next.fetch_add(1, Ordering::Relaxed)).cloned()).await;
    let winners = one.held(&quota).await + other.held(&other_quota).await;
    println!("1,000 races of two counties for one worker each: {winners} winners");
    assert_eq!(winners, 1_000);
}
