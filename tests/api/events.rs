//! The log cannot be changed unnoticed, and the feed shows each party its own.

use labour_exchange::db::{DbConnection, statement};
use labour_exchange::events::log;
use serde_json::json;

use crate::on_both;
use crate::support::TestApp;
use crate::support::scene::{Scene, identity_number, name};

/// Runs SQL as somebody who owns the database would.
async fn as_owner(app: &TestApp, sql: &'static str) -> Result<usize, labour_exchange::error::Error> {
    app.state.db.write(move |connection: &mut DbConnection| Ok(statement(sql).run(connection)?)).await
}

on_both! {
    /// The database itself refuses to change or delete what happened.
    async fn what_happened_cannot_be_changed(app: TestApp) {
        let scene = Scene::in_force(app).await;
        assert!(as_owner(&scene.app, "update event set kind = 'nothing.happened'").await.is_err());
        assert!(as_owner(&scene.app, "delete from event").await.is_err());
        assert!(scene.app.state.db.read(log::verify).await.unwrap().1.is_empty());
    }

    /// Whoever takes the trigger away and changes an entry is found at the first bad entry.
    async fn a_changed_entry_is_named(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let drop = if scene.app.is_postgres() { "drop trigger event_append_only_update on event" } else { "drop trigger event_append_only_update" };
        as_owner(&scene.app, drop).await.unwrap();
        as_owner(&scene.app, "update event set recorded_at = recorded_at + 1 where kind = 'agreement.proposed'").await.unwrap();
        let (_, broken) = scene.app.state.db.read(log::verify).await.unwrap();
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].chain_id.to_string(), scene.agreement);
    }

    /// Cutting the newest entries off is found, too: the head remembers how long the chain was.
    async fn a_chain_cut_short_is_named(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let drop = if scene.app.is_postgres() { "drop trigger event_append_only_delete on event" } else { "drop trigger event_append_only_delete" };
        as_owner(&scene.app, drop).await.unwrap();
        as_owner(&scene.app, "delete from event where sequence > 1 and kind like 'agreement.%'").await.unwrap();
        let (_, broken) = scene.app.state.db.read(log::verify).await.unwrap();
        assert_eq!(broken[0].reason, "the chain does not end where its head says");
    }

    /// An erased payload leaves a chain that verifies, because the chain covers a salted commitment.
    async fn a_payload_can_be_erased_and_the_chain_still_verifies(app: TestApp) {
        let scene = Scene::in_force(app).await;
        as_owner(&scene.app, "update event set payload = null, salt = null where kind = 'agreement.proposed'").await.unwrap();
        assert!(scene.app.state.db.read(log::verify).await.unwrap().1.is_empty());
    }

    /// Each party reads its own agreements and register, nobody reads another's; no personal data stands in any event.
    async fn the_feed_shows_each_party_its_own(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.sent(0, 2).await;
        let of = async |party: &crate::support::TestParty| scene.app.get(party, "/v1/events?limit=1000").await.expect(200).body["items"].as_array().unwrap().clone();
        let origin = of(&scene.origin).await;
        let kinds: Vec<&str> = origin.iter().map(|event| event["type"].as_str().unwrap()).collect();
        for kind in ["quota.published", "workers.registered", "dispatch.roster_changed", "dispatch.departed"] {
            assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
        }
        let destination = of(&scene.destination).await;
        assert!(!destination.iter().any(|event| event["type"] == "workers.registered"));
        assert!(destination.iter().any(|event| event["type"] == "dispatch.departed"));
        let outsider = scene.app.party("海宁市人力资源和社会保障局", "authority", "330481").await;
        assert!(of(&outsider).await.is_empty());
        assert!(of(&scene.employer).await.iter().all(|event| event["type"].as_str().unwrap().starts_with("quota.")));
        let text = json!(origin).to_string();
        for n in 0..2 {
            assert!(!text.contains(&name(n)) && !text.contains(&identity_number(n)));
        }
    }

    /// A reader may ask for some kinds only; a wrong question is answered as such.
    async fn the_feed_can_be_narrowed_to_kinds(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.quota(3).await;
        let kinds = async |party| {
            let page = scene.app.get(party, "/v1/events?types=quota.published,quota.requested").await.expect(200).body;
            let kinds: Vec<String> = page["items"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
            kinds
        };
        assert_eq!(kinds(&scene.destination).await, ["quota.requested", "quota.published"]);
        assert_eq!(kinds(&scene.origin).await, ["quota.published"], "a draft is its destination's own");
        scene.app.get(&scene.origin, "/v1/events?limit=0").await.problem("parameter_invalid");
        scene.app.get(&scene.origin, "/v1/events?after=-1").await.problem("parameter_invalid");
        scene.app.get(&scene.origin, "/v1/events?types=DROP%20TABLE").await.problem("parameter_invalid");
        scene.app.get(&scene.origin, "/v1/events?since=1").await.problem("unknown_parameter");
    }
}
