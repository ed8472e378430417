//! A file of roster rows through the API into the database, beside the same rows put into the same tables by hand.
//!
//! By hand: on PostgreSQL `COPY` from a file of the server, on SQLite `insert … select`, which is faster than any statement a row. Both
//! fill copies of the tables with all their indexes and checks, and check nothing that the exchange checks.

use std::time::{Duration, Instant};

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use labour_exchange::db::{DbConnection, statement};
use labour_exchange::error::Result;

use crate::books::{LOOK_AGAIN, Memory};
use crate::load::Request;
use crate::scene::Scene;

/// The tables a roster row lies in.
const TABLES: [&str; 2] = ["placement", "open_placement"];

/// Sends so many rows as one NDJSON file and measures.
pub async fn measure(scene: &Scene, rows: usize) {
    let side = scene.shaoyang().await;
    let quota = side.quota(i64::try_from(rows).unwrap()).await;
    let workers = side.workers(0, rows).await;
    let dispatch = side.dispatch().await;
    let row = |worker: &String| format!("{{\"worker_id\":\"{worker}\",\"quota_id\":\"{quota}\"}}\n");
    let file = workers.iter().map(row).collect::<Vec<_>>().concat();
    println!("seeded: {rows} workers; the file has {:.1} MiB", file.len() as f64 / 1024.0 / 1024.0);
    let path = side.path(&format!("/dispatches/{dispatch}/roster"));
    let upload = Request::post_as("application/x-ndjson", &scene.address, &path, &side.origin.token, &file, 202);
    drop(file);
    let memory = Memory::watch();
    let begun = Instant::now();
    let job = side.call(&upload).await;
    let received = begun.elapsed();
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    let done = loop {
        let job = side.get(&path).await;
        if job["finished_at"].is_string() {
            break job;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    };
    let took = begun.elapsed();
    println!("  memory grew by {} MiB at the most; {done}", memory.most());
    assert!(done["accepted_rows"] == rows, "{done}");
    let by_hand = scene.by_hand(by_hand).await;
    println!("{:28} {:>9.2} s   {:>9.0} rows/s", "by hand", by_hand.as_secs_f64(), per_second(rows, by_hand));
    println!("{:28} {:>9.2} s", "received", received.as_secs_f64());
    println!(
        "{:28} {:>9.2} s   {:>9.0} rows/s   {:>6.2} of by hand",
        "file of roster rows",
        took.as_secs_f64(),
        per_second(rows, took),
        by_hand.as_secs_f64() / took.as_secs_f64()
    );
}

fn per_second(rows: usize, took: Duration) -> f64 {
    rows as f64 / took.as_secs_f64()
}

/// Fills copies of the tables; gives how long only the filling took.
fn by_hand(connection: &mut DbConnection) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for table in TABLES {
        took += match connection {
            DbConnection::Postgres(_) => by_copy(connection, table)?,
            DbConnection::Sqlite(_) => by_insert(connection, table)?,
        };
    }
    Ok(took)
}

fn by_copy(connection: &mut DbConnection, table: &str) -> Result<Duration> {
    let file = format!("/tmp/labour-exchange-bench-{}.copy", uuid::Uuid::new_v4());
    statement(format!("create table by_hand_{table} (like {table} including all)")).run(connection)?;
    statement(format!("copy {table} to '{file}'")).run(connection)?;
    let begun = Instant::now();
    statement(format!("copy by_hand_{table} from '{file}'")).run(connection)?;
    Ok(begun.elapsed())
}

fn by_insert(connection: &mut DbConnection, table: &str) -> Result<Duration> {
    let definitions: Vec<String> =
        statement("select sql from sqlite_master where tbl_name = ? and type in ('table', 'index') and sql is not null order by type desc")
            .bind(table)
            .returning::<Text>()
            .load(connection)?;
    for definition in definitions {
        let copied = definition
            .replacen(&format!("TABLE {table} ("), &format!("TABLE by_hand_{table} ("), 1)
            .replacen(&format!(" on {table} ("), &format!(" on by_hand_{table} ("), 1)
            .replacen("INDEX ", "INDEX by_hand_", 1);
        statement(copied).run(connection)?;
    }
    let begun = Instant::now();
    statement(format!("insert into by_hand_{table} select * from {table}")).run(connection)?;
    Ok(begun.elapsed())
}
