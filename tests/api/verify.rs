//! `labour-exchange verify`: each sort of damage behind the exchange's back is named, and the command fails.

use std::process::{Command, Output};

use labour_exchange::db::{Location, statement};

use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::Scene;

fn verify(app: &TestApp) -> Output {
    let database = match app.state.db.location() {
        Location::Sqlite(path) => format!("sqlite:{path}"),
        Location::Postgres(url) => url.clone(),
    };
    Command::new(env!("CARGO_BIN_EXE_labour-exchange")).args(["verify", "--database", &database]).output().unwrap()
}

/// Changes the database as somebody would who owns it: the guards are taken away first.
async fn spoil(app: &TestApp, guard: Option<(&'static str, &'static str)>, sql: &'static str) {
    let postgres = app.is_postgres();
    let writing = app.state.db.write(move |connection| {
        if let Some((trigger, table)) = guard {
            let on = if postgres { format!(" on {table}") } else { String::new() };
            statement(format!("drop trigger {trigger}{on}")).run(connection)?;
        }
        Ok(statement(sql).run(connection)?)
    });
    assert!(writing.await.unwrap() > 0, "{sql} changed something");
}

/// A year that fits, spoilt in one place: the check that must see it, and what it must say.
async fn is_seen(
    app: TestApp,
    guard: Option<(&'static str, &'static str)>,
    sql: &'static str,
    check: &str,
    said: &str,
) {
    let scene = Scene::in_force(app).await;
    let (_, placements) = scene.sent(0, 3).await;
    scene.claim(&placements, "onboarded", "2026-03-05").await.expect(207);
    let sound = verify(&scene.app);
    let told = String::from_utf8(sound.stdout).unwrap();
    assert!(sound.status.success(), "{told}");
    assert_eq!(told.matches(" 0 differences").count(), told.lines().count(), "{told}");
    assert!(!told.contains(": 0 examined"), "every check had something to look at: {told}");
    spoil(&scene.app, guard, sql).await;
    let spoilt = verify(&scene.app);
    let told = String::from_utf8(spoilt.stdout).unwrap();
    assert_eq!(spoilt.status.code(), Some(1), "{told}");
    let mut lines = told.lines().skip_while(|line| !line.starts_with(check)).skip(1);
    assert!(lines.next().is_some_and(|line| line.contains(said)), "{check}: {said}: {told}");
    assert_eq!(told.matches(" 0 differences").count(), 3, "only the check that is about it complains: {told}");
}

on_both! {
    /// A counter that is not the sum of its entries would sell a place twice or never.
    async fn a_counter_apart_from_its_ledger_is_named(app: TestApp) {
        let sql = "update place_account set consumed = consumed - 1 where kind = 'quota'";
        is_seen(app, None, sql, "places and their ledger", "its entries give 0 and 3").await;
    }

    /// As many places are filled as placements take, wherever their workers have moved.
    async fn a_placement_that_takes_a_place_nobody_counted_is_named(app: TestApp) {
        let sql = "update placement set holds_place = (1 = 0)";
        is_seen(app, None, sql, "places and their ledger", "counts 3 places filled, its placements take 0").await;
    }

    /// The figures officials read are what the rows behind them give.
    async fn a_tally_apart_from_its_rows_is_named(app: TestApp) {
        let sql = "update tally set persons = persons + 1, placements = placements + 1 where measure = 'onboarded' and scope = 'any' and population = 'all'";
        is_seen(app, None, sql, "tallies", "is off by 1 persons and 1 placements").await;
    }

    /// The terms are the very bytes that were ratified.
    async fn a_changed_document_is_named(app: TestApp) {
        let sql = "update agreement_version set document = replace(document, '协议第六条', '协议第七条')";
        let guard = Some(("agreement_version_append_only_update", "agreement_version"));
        is_seen(app, guard, sql, "agreement documents", "version 1: its document was changed").await;
    }

    /// A ratification is of the version it stands beside.
    async fn a_ratification_of_something_else_is_named(app: TestApp) {
        let sql = "update ratification set digest = (select hash from chain_head limit 1)";
        let guard = Some(("ratification_append_only_update", "ratification"));
        is_seen(app, guard, sql, "agreement documents", "ratified another digest").await;
    }

    /// What happened is what was written down then.
    async fn a_changed_event_is_named(app: TestApp) {
        is_seen(app, None, "update event set payload = '{}' where kind = 'dispatch.departed'", "event chains", "its payload was changed").await;
    }
}
