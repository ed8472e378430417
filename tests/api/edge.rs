//! What every answer has, whatever it answers.

use crate::on_both;
use crate::support::TestApp;

on_both! {
    /// An orchestrator can tell that the process lives without touching the database.
    async fn a_living_process_says_so(app: TestApp) {
        let reply = app.get_anonymous("/livez").await.expect(200);
        assert_eq!(reply.body["status"], "alive");
        assert_eq!(reply.header("cache-control"), "no-store");
    }

    /// A mistyped address is answered in the same form as every other problem.
    async fn an_unknown_address_is_a_problem(app: TestApp) {
        app.get_anonymous("/v1/nothing-here").await.expect(404).problem("not_found");
    }

    /// The document can be read without a token.
    async fn the_document_is_public(app: TestApp) {
        let reply = app.get_anonymous("/openapi.json").await.expect(200);
        assert_eq!(reply.body["openapi"], "3.1.0");
    }
}
