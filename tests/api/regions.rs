//! Regions: the national table, the history of its codes, and the scope of two of them.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::{TestApp, TestParty};

async fn reader(app: &TestApp) -> TestParty {
    app.party("邵阳县人力资源和社会保障局", "authority", "430523").await
}

fn codes(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect()
}

on_both! {
    /// A county is answered with its way down from the province.
    async fn a_current_code_names_its_place_in_the_tree(app: TestApp) {
        let reader = reader(&app).await;
        let county = app.get(&reader, "/v1/regions/430523").await.expect(200);
        assert_eq!((&county.body["status"], &county.body["region"]["name"]), (&json!("current"), &json!("邵阳县")));
        assert_eq!(codes(&county.body["path"]), ["430000", "430500", "430523"]);
        assert_eq!(county.body["children_count"], 0);
        let unchanged = app.call("GET", "/v1/regions/430523").by(&reader).header("if-none-match", county.etag()).send().await;
        unchanged.expect(304);
        let prefecture = app.get(&reader, "/v1/regions/430500").await.expect(200);
        assert!(prefecture.body["children_count"].as_u64().unwrap() > 8);
        assert_eq!(prefecture.body["is_complete_workplace"], false, "a prefecture is too coarse for a workplace");
    }

    /// An old code in a register is answered with what it means today.
    async fn an_old_code_answers_with_its_successors(app: TestApp) {
        let reader = reader(&app).await;
        let old = app.get(&reader, "/v1/regions/330103").await.expect(200);
        assert_eq!((&old.body["status"], &old.body["region"]), (&json!("historic"), &Value::Null));
        assert!(codes(&old.body["successors"]).contains(&"330105"), "{}", old.body);
        assert_eq!(old.body["former_holders"][0]["name"], "下城区");
    }

    /// Dongguan, Zhongshan, Danzhou and Jiayuguan have no counties and are precise enough as they are.
    async fn a_city_without_counties_is_a_whole_workplace(app: TestApp) {
        let reader = reader(&app).await;
        for city in ["441900", "442000", "460400", "620200"] {
            let reply = app.get(&reader, &format!("/v1/regions/{city}")).await.expect(200);
            assert_eq!((&reply.body["children_count"], &reply.body["is_complete_workplace"]), (&json!(0), &json!(true)), "{city}");
        }
        let scope = app.get(&reader, "/v1/region-scopes?origin=430523&workplace=441900").await.expect(200);
        assert_eq!(scope.body["four_way"]["scope"], "outside_province");
        let own = app.get(&reader, "/v1/region-scopes?origin=441900&workplace=441900").await.expect(200);
        assert_eq!(own.body["four_way"]["scope"], "inside_county");
    }

    /// A code that never was is absent, and one that is no code says so.
    async fn a_code_that_never_was_is_absent(app: TestApp) {
        let reader = reader(&app).await;
        app.get(&reader, "/v1/regions/999999").await.expect(404).problem("not_found");
        app.get(&reader, "/v1/regions/4305").await.expect(400).problem("parameter_invalid");
    }

    /// The scope is computed from the codes, in the local and the national split, with the labels reports print.
    async fn a_pair_has_one_scope_in_both_splits(app: TestApp) {
        let reader = reader(&app).await;
        for (origin, workplace, four, three, label) in [
            ("430523", "330782", "outside_province", "outside_province", "省外"),
            ("430523", "430102", "outside_prefecture", "inside_province_outside_county", "省内市外"),
            ("430523", "430524", "inside_prefecture", "inside_province_outside_county", "市内县外"),
            ("430523", "430523", "inside_county", "inside_county", "县内"),
            ("330103", "330105", "inside_county", "inside_county", "县内"),
            ("500101", "500102", "inside_prefecture", "inside_province_outside_county", "市内县外"),
        ] {
            let reply = app.get(&reader, &format!("/v1/region-scopes?origin={origin}&workplace={workplace}")).await;
            if origin == "330103" && reply.status == 404 {
                // Its district was divided; then the reason is told instead.
                assert_eq!(reply.body["errors"][0]["code"], "region_divided");
                continue;
            }
            let reply = reply.expect(200);
            assert_eq!(reply.body["four_way"]["scope"], four, "{origin} {workplace}");
            assert_eq!(reply.body["four_way"]["label_zh"], label, "{origin} {workplace}");
            assert_eq!(reply.body["three_way"]["scope"], three, "{origin} {workplace}");
        }
    }

    /// A zone is asked for by its host, a whole prefecture: still inside the prefecture, seen from a county of it.
    async fn a_zone_lies_where_its_host_lies(app: TestApp) {
        let operator = app.party("运营方", "operator", "").await;
        let zone = app.post(&operator, "/v1/zones", json!({ "name": "邵阳经济技术开发区", "host_code": "430500" })).await.expect(201);
        let path = format!("/v1/region-scopes?origin=430523&workplace={}", zone.text("/host_code"));
        let scope = app.get(&operator, &path).await.expect(200);
        assert_eq!(scope.body["four_way"]["scope"], "inside_prefecture");
    }

    /// Where no scope can be told, the code at fault and the remedy are.
    async fn a_pair_without_a_scope_says_why(app: TestApp) {
        let reader = reader(&app).await;
        for (query, name, code) in [
            ("origin=430523&workplace=999999", "workplace", "region_unknown"),
            ("origin=999999&workplace=430523", "origin", "region_unknown"),
            ("origin=430523&workplace=430000", "workplace", "region_too_coarse"),
        ] {
            let reply = app.get(&reader, &format!("/v1/region-scopes?{query}")).await.expect(404).problem("not_found");
            assert_eq!((&reply.body["errors"][0]["name"], &reply.body["errors"][0]["code"]), (&json!(name), &json!(code)), "{query}");
        }
        app.get(&reader, "/v1/region-scopes?origin=430523").await.expect(400).problem("parameter_invalid");
    }

    /// The whole table can be walked without a gap or a repeat, up or down.
    async fn the_table_can_be_walked(app: TestApp) {
        let reader = reader(&app).await;
        for sort in ["id", "-id"] {
            let mut seen: Vec<String> = Vec::new();
            let mut path = format!("/v1/regions?limit=200&sort={sort}&level=prefecture");
            loop {
                let page = app.get(&reader, &path).await.expect(200);
                seen.extend(codes(&page.body["items"]).into_iter().map(str::to_owned));
                let Some(cursor) = page.body["next_cursor"].as_str() else { break };
                path = format!("/v1/regions?limit=200&sort={sort}&level=prefecture&cursor={cursor}");
            }
            let mut sorted = seen.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), seen.len(), "no code twice");
            assert!(seen.len() > 330, "{}", seen.len());
            if sort == "-id" {
                sorted.reverse();
            }
            assert_eq!(seen, sorted);
        }
    }

    /// A form can offer the counties of a prefecture, or find one by its name.
    async fn a_form_can_narrow_the_table(app: TestApp) {
        let reader = reader(&app).await;
        let counties = app.get(&reader, "/v1/regions?parent_code=430500&limit=200").await.expect(200);
        assert!(codes(&counties.body["items"]).contains(&"430523"));
        assert!(counties.body["items"].as_array().unwrap().iter().all(|county| county["parent_code"] == "430500"));
        let named = app.get(&reader, "/v1/regions?name=%E4%B9%89%E4%B9%8C").await.expect(200);
        assert_eq!(codes(&named.body["items"]), ["330782"]);
        app.get(&reader, "/v1/regions?level=village").await.expect(400).problem("parameter_invalid");
        app.get(&reader, "/v1/regions?parent_code=43").await.expect(400).problem("parameter_invalid");
    }
}
