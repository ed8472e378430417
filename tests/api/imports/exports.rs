//! Lists as files: the same rows as the list shows, safe to open, and nothing lost when they are read again.

use labour_exchange::http::export::XLSX;
use labour_exchange::http::table::{csv_line, spreadsheet_safe};
use labour_exchange::interchange::reading::{self, Cell, FileFormat};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, identity_number, name};
use crate::support::{Reply, TestApp, TestParty};

async fn file(app: &TestApp, party: &TestParty, path: &str, accept: &str) -> Reply {
    app.call("GET", path).by(party).header("accept", accept).send().await
}

/// The cells of a file, row by row, as a person sees them.
fn shown(reply: &Reply, format: FileFormat) -> Vec<Vec<String>> {
    let read = reading::read(&reply.bytes, format, None).unwrap();
    read.sheets[0].rows.iter().map(|row| row.cells.iter().map(Cell::shown).collect()).collect()
}

/// What a field of a JSON row is in a file.
fn expected(row: &Value, name: &str) -> String {
    match &row[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => String::new(),
        other => other.to_string(),
    }
}

/// Both file forms hold exactly what the list shows, field by field.
async fn same_as_the_list(app: &TestApp, party: &TestParty, path: &str) {
    let mut items = Vec::new();
    let mut next = format!("{path}limit=2");
    loop {
        let page = app.get(party, &next).await.expect(200).body;
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        next = format!("{path}limit=2&cursor={cursor}");
    }
    assert!(items.len() > 2, "{path}: {items:?}");
    let csv = file(app, party, path, "text/csv").await.expect(200);
    assert!(csv.bytes.starts_with(&[0xef, 0xbb, 0xbf]) && csv.bytes.ends_with(b"\r\n"), "{path}");
    assert_eq!((csv.header("content-type"), csv.header("vary")), ("text/csv; charset=utf-8", "Accept"));
    let workbook = file(app, party, path, XLSX).await.expect(200);
    for rows in [shown(&csv, FileFormat::Csv), shown(&workbook, FileFormat::Xlsx)] {
        let (head, body) = rows.split_first().unwrap();
        assert_eq!(body.len(), items.len(), "{path}");
        for (row, item) in body.iter().zip(&items) {
            for (column, name) in head.iter().enumerate() {
                let cell = row.get(column).map_or("", String::as_str);
                assert_eq!(cell.to_lowercase(), expected(item, name).to_lowercase(), "{path} {name}");
            }
        }
    }
}

on_both! {
    /// Workers, quotas, placements and the rows of a reconciliation come as files with the same rows as their lists.
    async fn a_list_comes_as_a_file_with_the_same_rows(app: TestApp) {
        let scene = Scene::in_force(app).await;
        let (app, origin) = (&scene.app, &scene.origin);
        let (_, placements) = scene.sent(0, 3).await;
        for places in [5, 6] {
            scene.quota(places).await;
        }
        app.clock_set("2026-03-08");
        scene.claim(&placements[..2], "onboarded", "2026-03-06").await.expect(207);
        let run = app.post(origin, &scene.path("/reconciliations"), json!({ "cut_off_on": "2026-03-08" })).await.expect(201).id();
        for path in ["/v1/workers?".to_owned(), scene.path("/quotas?"), scene.path("/placements?"), scene.path(&format!("/reconciliations/{run}/rows?"))] {
            same_as_the_list(app, origin, &path).await;
        }
        let filtered = file(app, origin, &scene.path("/placements?state=onboarded"), "text/csv").await.expect(200);
        assert_eq!(shown(&filtered, FileFormat::Csv).len(), 3, "the filters of the list count");
        let chinese = file(app, origin, "/v1/workers?header=zh-CN", "text/csv").await.expect(200);
        assert_eq!(shown(&chinese, FileFormat::Csv)[0][..3], ["人员标识", "人员编号", "状态"]);
        let workbook = file(app, origin, &scene.path("/quotas"), XLSX).await.expect(200);
        let workbook = reading::read(&workbook.bytes, FileFormat::Xlsx, None).unwrap();
        let cells = &workbook.sheets[0].rows[1].cells;
        assert!(cells.contains(&Cell::Day { day: jiff::civil::date(2026, 12, 31) }) && cells.contains(&Cell::Number(450_000.0)), "{cells:?}");
        app.get(origin, "/v1/workers?header=zh-CN").await.expect(200);
        file(app, &scene.employer, "/v1/workers", "text/csv").await.problem("insufficient_scope");
        file(app, origin, "/v1/agreements/0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50/quotas", "text/csv").await.problem("not_found");
    }

    /// More rows than are read at once come in one file, none twice and none left out; no identity number or name stands in it.
    async fn a_long_register_comes_whole_and_masked(app: TestApp) {
        let scene = Scene::in_force(app).await;
        scene.workers(0, 2_050).await;
        let csv = file(&scene.app, &scene.origin, "/v1/workers", "text/csv").await.expect(200);
        let rows = shown(&csv, FileFormat::Csv);
        let ids: std::collections::BTreeSet<&str> = rows[1..].iter().map(|row| row[0].as_str()).collect();
        assert_eq!((rows.len(), ids.len()), (2_051, 2_050));
        let text = String::from_utf8(csv.bytes.clone()).unwrap();
        assert!(!text.contains(&identity_number(7)) && !text.contains(&format!(",{},", name(7))));
    }
}

/// What anybody may have written into a cell, with everything that programs stumble over.
fn cells() -> impl Strategy<Value = String> {
    let signs = prop::sample::select(vec![
        "=",
        "+",
        "-",
        "@",
        "＝",
        "＋",
        "'",
        "\"",
        ",",
        ";",
        "\t",
        " ",
        "张三",
        "430523199003079985",
        "1.23E+17",
    ]);
    let odd = prop::collection::vec(signs, 0..6).prop_map(|parts| parts.concat());
    prop_oneof![odd, "\\PC{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// A table that is written and read again is the same table, and none of its cells calculates.
    #[test]
    fn what_is_exported_and_imported_is_the_same(rows in prop::collection::vec(prop::collection::vec(cells(), 3), 1..5)) {
        let mut text = format!("\u{feff}{}", csv_line(["a", "b", "c"]));
        for row in &rows {
            text.push_str(&csv_line(row.iter().map(|cell| spreadsheet_safe(cell).into_owned())));
        }
        let read = reading::read(text.as_bytes(), FileFormat::Csv, None).unwrap();
        let mut found = read.sheets[0].rows[1..].iter();
        for row in &rows {
            if row.iter().all(|cell| cell.chars().all(reading::is_space)) {
                continue;
            }
            let mut cells: Vec<String> = found.next().unwrap().cells.iter().map(Cell::shown).collect();
            cells.resize(3, String::new());
            let blank = |cell: &String| if cell.chars().all(reading::is_space) { String::new() } else { cell.clone() };
            // Blank cells behind the last one are not kept apart from no cells.
            let last = row.iter().rposition(|cell| !blank(cell).is_empty()).unwrap();
            prop_assert_eq!(&cells[..=last], &row[..=last]);
        }
        prop_assert!(found.next().is_none());
        let calculating = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
        let harmless = rows.iter().flatten().all(|cell| !spreadsheet_safe(cell).starts_with(calculating));
        prop_assert!(harmless);
    }
}
