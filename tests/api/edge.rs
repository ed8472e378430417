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

    /// The page to read the document by comes whole from the binary.
    async fn the_readers_page_needs_no_network(app: TestApp) {
        let page = app.get_anonymous("/docs/").await.expect(200);
        let html = String::from_utf8(page.bytes.clone()).unwrap();
        assert!(!html.contains("http://") && !html.contains("https://"), "{html}");
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self';") && policy.contains("default-src 'none'"), "{policy}");
        for script in html.split("<script").skip(1) {
            assert!(script.starts_with(" src="), "no script in the page itself: {script}");
        }
        for file in html.split('"').filter_map(|part| part.strip_prefix("./").or((part == "index.css").then_some(part))) {
            app.get_anonymous(&format!("/docs/{file}")).await.expect(200);
        }
        let start = app.get_anonymous("/docs/swagger-initializer.js").await.expect(200);
        assert!(String::from_utf8_lossy(&start.bytes).contains("\"/openapi.json\""));
        app.get_anonymous("/docs").await.expect(308);
        app.get_anonymous("/docs/nothing.js").await.expect(404).problem("not_found");
    }

    /// What was read once is not sent again while it is the same.
    async fn the_same_document_is_not_sent_twice(app: TestApp) {
        let etag = app.get_anonymous("/openapi.json").await.expect(200).etag().to_owned();
        let again = app.call("GET", "/openapi.json").header("if-none-match", &etag).send().await.expect(304);
        assert_eq!(again.etag(), etag);
        app.call("GET", "/openapi.json").header("if-none-match", "\"other\"").send().await.expect(200);
    }
}
