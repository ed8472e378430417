//! How the databases read: a call about some rows must not cost more because the agreement is large.
//!
//! SQLite plans by figures that it is given; PostgreSQL is asked for its plans over large tables of which it has no figures yet, as it
//! has none of a party that is new.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};

use diesel::connection::SimpleConnection;
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};
use labour_exchange::db::{DbConnection, statement};
use serde_json::json;

use crate::support::TestApp;
use crate::support::scene::Scene;

/// Tables that have as many rows for an agreement, or a party, as it has people.
const LARGE: [&str; 13] = [
    "placement",
    "claim",
    "observation",
    "employment_spell",
    "exit_entry",
    "retention_check",
    "reconciliation_row",
    "discrepancy",
    "discrepancy_entry",
    "discrepancy_duty",
    "replacement_duty",
    "transferred_place",
    "worker",
];

/// What opens the rows of a call, on SQLite and on PostgreSQL.
const ROWS: [&str; 2] = ["from jsonb_each(", "from jsonb_array_elements(cast("];

/// Statements over the rows of a call that any test of this process has run.
static STATEMENTS: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

struct Collect;

impl Instrumentation for Collect {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap_or_default();
            if ROWS.iter().any(|rows| text.contains(rows)) {
                STATEMENTS.lock().unwrap().insert(text.to_owned());
            }
        }
    }
}

#[derive(QueryableByName)]
struct Step {
    #[diesel(sql_type = Text)]
    detail: String,
}

/// The steps that read all rows of an agreement or a party from a large table.
fn reads_everything(plan: &[String], statement: &str) -> Vec<String> {
    let large =
        |name: &str| LARGE.iter().any(|table| name == *table || statement.contains(&format!(" {table} {name} ")));
    plan.iter()
        .filter(|step| {
            let mut words = step.split_whitespace();
            let (verb, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            let whole = verb == "SCAN" || step.ends_with("(agreement_id=?)") || step.ends_with("(party_id=?)");
            whole && large(name)
        })
        .cloned()
        .collect()
}

/// What a call does to a few people: enrolled, departed, claimed, seen, gone, reconciled.
async fn a_year_of_a_few(app: TestApp) -> Scene {
    let scene = Scene::in_force(app).await;
    let (_, placements) = scene.sent(0, 6).await;
    scene.app.clock_set("2026-03-07");
    scene.claim(&placements[..4], "onboarded", "2026-03-06").await.expect(207);
    scene.claim(&placements[4..5], "no_show", "2026-03-06").await.expect(207);
    scene.claim(&placements[4..5], "onboarded", "2026-03-07").await.expect(207);
    scene.app.clock_set("2026-06-10");
    let seen = json!({ "placement_id": placements[0], "seen_from": "2026-03-06", "seen_to": "2026-06-08", "evidence": "e3", "source": "wage_ledger", "monthly_wage_fen": 480_000 });
    let named = json!({ "placement_ref": "SY-1", "in_post": true, "seen_from": "2026-03-06", "seen_to": "2026-06-08", "evidence": "e2", "source": "employer_roster" });
    scene.app.post(&scene.employer, &scene.path("/observations"), json!({ "rows": [seen, named] })).await.expect(207);
    let left = json!({ "placement_id": placements[1], "ended_on": "2026-06-09", "grain": "day", "reason": "resigned" });
    scene.app.post(&scene.employer, &scene.path("/exits"), json!({ "rows": [left] })).await.expect(207);
    transferred_and_gone(&scene, &placements[2..4]).await;
    let named =
        json!({ "placement_ref": "SY-1", "outcome": "onboarded", "happened_on": "2026-03-06", "evidence": "e2" });
    scene.app.post(&scene.employer, &scene.path("/claims"), json!({ "rows": [named] })).await.expect(207);
    let cut_off = json!({ "cut_off_on": "2026-06-09" });
    scene.app.post(&scene.origin, &scene.path("/reconciliations"), cut_off).await.expect(201);
    scene
}

/// One moves to another employer; one leaves within the guarantee, and then it was a mistake.
async fn transferred_and_gone(scene: &Scene, placements: &[String]) {
    let other = scene.app.party("义乌针织有限公司", "employer", "330782").await;
    let moved = json!({ "placement_id": placements[0], "employer_id": other.id, "region_code": "330782", "started_on": "2026-04-21", "grain": "day" });
    let left = json!({ "placement_id": placements[1], "ended_on": "2026-05-20", "grain": "day", "reason": "resigned" });
    let calls = [("/spells", &scene.destination, moved), ("/exits", &scene.employer, left)];
    let mut ids = Vec::new();
    for (path, by, row) in calls {
        let told = scene.app.post(by, &scene.path(path), json!({ "rows": [row] })).await.expect(207);
        assert_eq!(told.body["accepted"], 1, "{}", told.body);
        ids.push(told.text("/results/0/id"));
    }
    let withdrawal = scene.path(&format!("/exits/{}/withdrawal", ids[1]));
    scene.app.post(&scene.employer, &withdrawal, json!({})).await.expect(200);
}

/// The statements over the rows of a call that were seen on a back end.
fn seen(rows: &str) -> Vec<String> {
    let seen: Vec<String> = STATEMENTS.lock().unwrap().iter().filter(|text| text.contains(rows)).cloned().collect();
    assert!(seen.len() > 30, "statements were seen: {}", seen.len());
    seen
}

/// Every statement that takes the rows of a call finds theirs by key.
#[actix_web::test]
async fn a_call_reads_the_rows_it_names_and_not_the_agreement() {
    set_default_instrumentation(|| Some(Box::new(Collect))).unwrap();
    let on_sqlite = a_year_of_a_few(TestApp::over_sqlite().await).await;
    let on_postgres = a_year_of_a_few(TestApp::over_postgres().await).await;
    // Other tests run beside this one; writing their parameters out costs them time.
    set_default_instrumentation(|| None).unwrap();
    let [sqlite, postgres] = ROWS.map(seen);

    let explained = on_sqlite.app.state.db.read(move |connection| {
        let DbConnection::Sqlite(connection) = connection else { return Ok(Vec::new()) };
        let mut explained = Vec::new();
        for statement in sqlite {
            let steps: Vec<Step> = diesel::sql_query(format!("explain query plan {statement}")).load(connection)?;
            explained.push((statement, steps.into_iter().map(|step| step.detail).collect::<Vec<_>>()));
        }
        Ok(explained)
    });
    let explained = explained.await.unwrap().into_iter();
    let slow: Vec<_> = explained
        .map(|(statement, plan)| (reads_everything(&plan, &statement), statement))
        .filter(|(whole, _)| !whole.is_empty())
        .collect();
    assert!(slow.is_empty(), "{slow:#?}");

    let db = &on_postgres.app.state.db;
    db.write(|connection| Ok(LARGE.iter().try_for_each(|table| crowd(connection, table))?)).await.unwrap();
    let explained = db.write(move |connection| Ok(explained_on_postgres(connection, &postgres)?)).await.unwrap();
    let slow: Vec<_> = explained
        .into_iter()
        .map(|(statement, plan)| (reads_everything_on_postgres(&plan), statement, plan))
        .filter(|(whole, ..)| !whole.is_empty())
        .collect();
    assert!(slow.is_empty(), "{slow:#?}");

    // As it was: the agreement's half of the key is a way in of its own.
    let half = "select p.* from (select cast(v->>0 as uuid) as id from jsonb_array_elements(cast($1 as jsonb)) as element (v)) r \
                join placement p on p.agreement_id = $2 and p.id = r.id";
    let explained =
        db.write(move |connection| Ok(explained_on_postgres(connection, &[half.to_owned()])?)).await.unwrap();
    assert!(!reads_everything_on_postgres(&explained[0].1).is_empty(), "{explained:#?}");
}

/// Copies a row of a table many times over: of the same agreement or party, about people of their own. PostgreSQL keeps no figures of it.
fn crowd(connection: &mut DbConnection, table: &str) -> diesel::QueryResult<()> {
    let DbConnection::Postgres(connection) = connection else { return Ok(()) };
    connection.batch_execute(&format!(
        "set local session_replication_role = replica; alter table {table} set (autovacuum_enabled = false); \
         insert into {table} select made.* from (select t from {table} t limit 1) one, generate_series(1, 20000) n, jsonb_populate_record(one.t, \
         (select jsonb_object_agg(own.key, own.value) from jsonb_each(jsonb_build_object('id', gen_random_uuid(), 'worker_id', gen_random_uuid(), \
         'placement_id', gen_random_uuid(), 'subject_id', gen_random_uuid(), 'discrepancy_id', gen_random_uuid(), 'person_id', gen_random_uuid(), 'ordinal', 1000 + n, 'partner_ref', 'crowd ' || n, \
         'client_ref', 'crowd ' || n, 'identity_index', '\\x' || md5('i' || n) || md5('j' || n), \
         'exchange_index', '\\x' || md5('e' || n) || md5('f' || n))) own where to_jsonb(one.t)->>own.key is not null)) made"
    ))
}

/// The plans that serve any parameters: what a connection keeps for a statement that it runs often.
fn explained_on_postgres(
    connection: &mut DbConnection,
    statements: &[String],
) -> diesel::QueryResult<Vec<(String, Vec<String>)>> {
    let DbConnection::Postgres(native) = connection else { return Ok(Vec::new()) };
    native.batch_execute("set local plan_cache_mode = force_generic_plan")?;
    let mut explained = Vec::new();
    for text in statements {
        let DbConnection::Postgres(native) = connection else { return Ok(Vec::new()) };
        native.batch_execute(&format!("prepare explained as {text}"))?;
        let binds = (1..100).take_while(|number| text.contains(&format!("${number}"))).count();
        let binds = vec!["null"; binds].join(", ");
        let plan = statement(format!("explain execute explained({binds})")).returning::<Text>().load(connection)?;
        explained.push((text.clone(), plan));
        statement("deallocate explained").run(connection)?;
    }
    Ok(explained)
}

/// The scans of a large table that PostgreSQL enters by nothing, or by the first part of a key alone.
fn reads_everything_on_postgres(plan: &[String]) -> Vec<String> {
    let large = |step: &str| {
        LARGE.iter().any(|table| step.contains(&format!(" on {table} ")) || step.contains(&format!(" on {table}_")))
    };
    let conditions = plan.iter().skip(1).map(|line| line.trim()).chain([""]);
    plan.iter()
        .map(|line| line.trim())
        .zip(conditions)
        .filter(|(step, _)| step.contains("Scan") && !step.contains("Bitmap Heap Scan") && large(step))
        .filter(|(_, condition)| {
            let first = ["agreement_id", "party_id", "origin_id", "claimant_id", "observer_id"];
            let key = condition.strip_prefix("Index Cond: (");
            key.is_none_or(|key| first.iter().any(|column| key.starts_with(&format!("{column} = "))))
        })
        .map(|(step, condition)| format!("{step} {condition}"))
        .collect()
}

/// A figure about an index that is gone or misspelt says nothing, and nobody is told.
#[actix_web::test]
async fn the_planner_is_told_of_indexes_that_exist() {
    let app = TestApp::over_sqlite().await;
    let listed = app.state.db.read(|connection| {
        let named = "select idx as detail from sqlite_stat1 where idx not in (select name from sqlite_master where type in ('index', 'table'))";
        let DbConnection::Sqlite(connection) = connection else { return Ok((Vec::new(), Vec::new())) };
        let told: Vec<Step> = diesel::sql_query("select idx as detail from sqlite_stat1").load(connection)?;
        Ok((told, diesel::sql_query(named).load::<Step>(connection)?))
    });
    let (told, unknown) = listed.await.unwrap();
    assert!(told.len() > 40, "the planner is told of {} indexes", told.len());
    assert_eq!(unknown.into_iter().map(|step| step.detail).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn the_check_of_plans_can_fail() {
    let plan = |step: &str| vec![step.to_owned()];
    let statement = "select 1 from (rows) r cross join claim c where c.agreement_id = ?";
    for step in ["SEARCH c USING PRIMARY KEY (agreement_id=?)", "SCAN c", "SEARCH worker USING INDEX x (party_id=?)"] {
        assert_eq!(reads_everything(&plan(step), statement), [step]);
    }
    for step in [
        "SEARCH c USING INDEX x (agreement_id=? AND placement_id=?)",
        "SCAN r",
        "SEARCH a USING PRIMARY KEY (agreement_id=?)",
    ] {
        assert!(reads_everything(&plan(step), statement).is_empty(), "{step}");
    }
    let plan =
        |step: &str, condition: &str| vec![format!("  ->  {step}  (cost=0.28..8.30)"), format!("      {condition}")];
    for (step, condition) in [
        ("Seq Scan on placement p", "Filter: (version > 0)"),
        ("Index Scan using claim_pkey on claim", "Index Cond: (agreement_id = $2)"),
        ("Bitmap Index Scan on worker_pkey", "Index Cond: (party_id = $2)"),
    ] {
        assert_eq!(reads_everything_on_postgres(&plan(step, condition)).len(), 1, "{step}");
    }
    for (step, condition) in [
        ("Seq Scan on agreement a", ""),
        ("Index Scan using claim_pkey on claim", "Index Cond: ((agreement_id = r.agreement_id) AND (id = r.id))"),
        ("Index Scan using worker_exchange_index on worker w", "Index Cond: (exchange_index = r.worker_key)"),
    ] {
        assert!(reads_everything_on_postgres(&plan(step, condition)).is_empty(), "{step}");
    }
}
