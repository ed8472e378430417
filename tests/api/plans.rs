//! How SQLite reads: a call about some rows must not cost more because the agreement is large.

use std::collections::BTreeSet;
use std::sync::{LazyLock, Mutex};

use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};
use diesel::sql_types::Text;
use diesel::{QueryableByName, RunQueryDsl};
use labour_exchange::db::DbConnection;
use serde_json::json;

use crate::support::TestApp;
use crate::support::scene::Scene;

/// Tables that have as many rows for an agreement, or a party, as it has people.
const LARGE: [&str; 11] = [
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
    "worker",
];

/// Statements over the rows of a call that any test of this process has run on SQLite.
static STATEMENTS: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);

struct Collect;

impl Instrumentation for Collect {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::StartQuery { query, .. } = event {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap_or_default();
            if text.contains("jsonb_each(?)") {
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
    let named =
        json!({ "placement_ref": "SY-1", "outcome": "onboarded", "happened_on": "2026-03-06", "evidence": "e2" });
    scene.app.post(&scene.employer, &scene.path("/claims"), json!({ "rows": [named] })).await.expect(207);
    let cut_off = json!({ "cut_off_on": "2026-06-09" });
    scene.app.post(&scene.origin, &scene.path("/reconciliations"), cut_off).await.expect(201);
    scene
}

/// Every statement that takes the rows of a call finds theirs by key.
#[actix_web::test]
async fn a_call_reads_the_rows_it_names_and_not_the_agreement() {
    set_default_instrumentation(|| Some(Box::new(Collect))).unwrap();
    let scene = a_year_of_a_few(TestApp::over_sqlite().await).await;
    // Other tests run beside this one; writing their parameters out costs them time.
    set_default_instrumentation(|| None).unwrap();
    let statements: Vec<String> = STATEMENTS.lock().unwrap().iter().cloned().collect();
    assert!(statements.len() > 20, "statements were seen: {}", statements.len());
    let explained = scene.app.state.db.read(move |connection| {
        let DbConnection::Sqlite(connection) = connection else { return Ok(Vec::new()) };
        let mut explained = Vec::new();
        for statement in statements {
            let steps: Vec<Step> = diesel::sql_query(format!("explain query plan {statement}")).load(connection)?;
            explained.push((statement, steps.into_iter().map(|step| step.detail).collect::<Vec<_>>()));
        }
        Ok(explained)
    });
    let slow: Vec<_> = explained
        .await
        .unwrap()
        .into_iter()
        .filter_map(|(statement, plan)| {
            let whole = reads_everything(&plan, &statement);
            (!whole.is_empty()).then_some((statement, whole))
        })
        .collect();
    assert!(slow.is_empty(), "{slow:#?}");
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
}
