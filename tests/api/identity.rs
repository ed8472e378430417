//! Clients, keys and tokens: what a partner relies on when it proves itself, and what a stranger does not get past.
//!
//! Assertions and tokens are forged here with a signer of their own, so that the exchange's code is not its own judge.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use diesel::RunQueryDsl;
use diesel::sql_types::BigInt;
use jiff::SignedDuration;
use labour_exchange::db::{Id, statement};
use labour_exchange::identity::token::{Expected, Grant};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::on_both;
use crate::support::scene::Scene;
use crate::support::{PUBLIC_URL, Reply, TestApp, TestParty};

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SCOPES: [&str; 2] = ["parties.read", "agreements.read"];

fn encoded(value: &Value) -> String {
    BASE64URL.encode(value.to_string())
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&BASE64URL.decode(part).unwrap()).unwrap()
}

/// A partner's key, with which anything can be signed.
struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        Self(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn public(&self) -> Value {
        let point = self.0.public_key().as_ref();
        json!({ "kty": "EC", "crv": "P-256", "x": BASE64URL.encode(&point[1..33]), "y": BASE64URL.encode(&point[33..]) })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encoded(header), encoded(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64URL.encode(signature))
    }
}

/// A registered client with its key.
struct Partner {
    app: TestApp,
    operator: TestParty,
    party_id: String,
    client_id: String,
    signer: Signer,
}

impl Partner {
    /// Registered by the operator over HTTP, as in life.
    async fn registered(app: &TestApp) -> Self {
        let operator = app.party("运营方", "operator", "").await;
        let party = json!({ "name": "邵阳县人力资源和社会保障局", "kind": "authority", "region_code": "430523" });
        let party_id = app.post(&operator, "/v1/parties", party).await.expect(201).id();
        let signer = Signer::new();
        let client =
            json!({ "party_id": party_id, "name": "劳务系统", "scopes": SCOPES, "public_key": signer.public() });
        let client_id = app.post(&operator, "/v1/clients", client).await.expect(201).id();
        Self { app: app.clone(), operator, party_id, client_id, signer }
    }

    /// Good claims, good once.
    fn claims(&self) -> Value {
        let now = self.app.state.clock.now().as_seconds();
        json!({ "iss": self.client_id, "sub": self.client_id, "aud": PUBLIC_URL, "iat": now, "exp": now + 60, "jti": Uuid::new_v4() })
    }

    /// Good claims, but for one.
    fn claims_with(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    fn assertion(&self) -> String {
        self.signer.sign(&json!({ "alg": "ES256" }), &self.claims())
    }

    async fn ask(&self, assertion: &str) -> Reply {
        self.ask_for(assertion, "").await
    }

    async fn ask_for(&self, assertion: &str, more: &str) -> Reply {
        let form = format!(
            "grant_type=client_credentials&client_assertion_type={JWT_BEARER}&client_assertion={assertion}{more}"
        );
        self.app.call("POST", "/oauth/token").bytes("application/x-www-form-urlencoded", form).send().await
    }

    async fn token(&self) -> String {
        self.ask(&self.assertion()).await.expect(200).text("/access_token")
    }

    async fn parties_with(&self, token: &str) -> Reply {
        self.app.call("GET", "/v1/parties").bearer(token).send().await
    }

    fn path(&self, rest: &str) -> String {
        format!("/v1/clients/{}{rest}", self.client_id)
    }

    async fn refused(&self, assertion: &str) {
        let reply = self.ask(assertion).await.expect(401);
        assert_eq!(reply.body["error"], "invalid_client");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(reply.header("www-authenticate").starts_with("Bearer"), "a 401 names a challenge");
    }
}

on_both! {
    /// A1: the metadata names one way in, and no other is open.
    async fn a_partner_proves_itself_by_signature_and_by_nothing_else(app: TestApp) {
        let metadata = app.get_anonymous("/.well-known/oauth-authorization-server").await.expect(200);
        assert_eq!(metadata.body["grant_types_supported"], json!(["client_credentials"]));
        assert_eq!(metadata.body["token_endpoint_auth_methods_supported"], json!(["private_key_jwt"]));
        let partner = Partner::registered(&app).await;
        let id = &partner.client_id;
        for (form, error) in [
            (format!("grant_type=client_credentials&client_id={id}&client_secret=x"), "invalid_client"),
            (format!("grant_type=password&client_id={id}&username=a&password=b"), "unsupported_grant_type"),
            (format!("grant_type=refresh_token&client_id={id}&refresh_token=a"), "unsupported_grant_type"),
            (format!("client_id={id}"), "invalid_request"),
        ] {
            let call = app.call("POST", "/oauth/token").bytes("application/x-www-form-urlencoded", form.clone());
            assert_eq!(call.send().await.body["error"], error, "{form}");
        }
        let json = app.call("POST", "/oauth/token").bytes("application/json", "{}").send().await.expect(400);
        assert_eq!(json.body["error"], "invalid_request");
    }

    /// A2: a stolen assertion is worth nothing once it was used.
    async fn an_assertion_counts_once(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let assertion = partner.assertion();
        partner.ask(&assertion).await.expect(200);
        partner.refused(&assertion).await;
        partner.ask(&partner.assertion()).await.expect(200);
    }

    /// A2: the same assertion sent from many places at once gives one token.
    async fn an_assertion_counts_once_even_in_a_race(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let form = format!(
            "grant_type=client_credentials&client_assertion_type={JWT_BEARER}&client_assertion={}",
            partner.assertion()
        );
        let asks = (0..8).map(|_| {
            let (app, form) = (app.clone(), form.clone());
            async move { app.call("POST", "/oauth/token").bytes("application/x-www-form-urlencoded", form).send().await }
        });
        let replies = crate::support::together(asks).await;
        let good = replies.iter().filter(|reply| reply.status == 200).count();
        assert_eq!(good, 1, "{:?}", replies.iter().map(|reply| reply.status).collect::<Vec<_>>());
    }

    /// A2: an assertion made for another address, or for several, or for ever, is of no use here.
    async fn an_assertion_is_for_this_issuer_alone_and_short(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let header = json!({ "alg": "ES256" });
        let now = app.state.clock.now().as_seconds();
        for (name, value) in [
            ("aud", json!(format!("{PUBLIC_URL}/oauth/token"))),
            ("aud", json!([PUBLIC_URL])),
            ("aud", json!([PUBLIC_URL, "https://elsewhere.invalid"])),
            ("aud", json!("https://elsewhere.invalid")),
            ("iss", json!(Uuid::now_v7())),
            ("sub", json!(Uuid::now_v7())),
            ("exp", json!(now + 600)),
            ("exp", json!(now - 120)),
            ("exp", Value::Null),
            ("nbf", json!(now + 300)),
            ("iat", json!(now + 300)),
            ("jti", Value::Null),
            ("jti", json!("")),
        ] {
            partner.refused(&partner.signer.sign(&header, &partner.claims_with(name, value))).await;
        }
        for (typ, status) in [("client-authentication+jwt", 200), ("at+jwt", 401), ("JWT", 401)] {
            let header = json!({ "alg": "ES256", "typ": typ });
            partner.ask(&partner.signer.sign(&header, &partner.claims())).await.expect(status);
        }
    }

    /// A3: the registered key decides the algorithm; no algorithm, or one the key was not made for, opens nothing.
    async fn a_forged_algorithm_opens_nothing(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let unsigned = format!("{}.{}.", encoded(&json!({ "alg": "none" })), encoded(&partner.claims()));
        partner.refused(&unsigned).await;
        partner.refused(&format!("{unsigned}AAAA")).await;
        for algorithm in ["none", "HS256", "RS256", "PS256", "EdDSA", "ES384", "es256"] {
            partner.refused(&partner.signer.sign(&json!({ "alg": algorithm }), &partner.claims())).await;
        }
        let stranger = Signer::new();
        partner.refused(&stranger.sign(&json!({ "alg": "ES256" }), &partner.claims())).await;
    }

    /// A3: a partner may use Ed25519 as well.
    async fn a_partner_may_sign_with_ed25519(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": BASE64URL.encode(pair.public_key()) });
        app.post(&partner.operator, &partner.path("/keys"), json!({ "public_key": public })).await.expect(201);
        let signed = format!("{}.{}", encoded(&json!({ "alg": "EdDSA" })), encoded(&partner.claims()));
        partner.ask(&format!("{signed}.{}", BASE64URL.encode(pair.sign(signed.as_bytes())))).await.expect(200);
    }

    /// A4: a key that travels in the header, or an address of one, is never believed and never fetched.
    async fn a_key_in_the_header_is_never_believed(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let stranger = Signer::new();
        for (name, value) in [
            ("jwk", stranger.public()),
            ("jku", json!("https://stranger.invalid/jwks.json")),
            ("x5u", json!("https://stranger.invalid/cert.pem")),
            ("x5c", json!(["MIIB"])),
            ("crit", json!(["exp"])),
        ] {
            let mut header = json!({ "alg": "ES256" });
            header[name] = value;
            partner.refused(&stranger.sign(&header, &partner.claims())).await;
            partner.refused(&partner.signer.sign(&header, &partner.claims())).await;
        }
    }

    /// A5: any RFC 9068 library can read the token, and the published keys fit it.
    async fn a_token_is_what_the_standard_says(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let reply = partner.ask(&partner.assertion()).await.expect(200);
        assert_eq!(reply.body["token_type"], "Bearer");
        assert_eq!(reply.body["expires_in"], 600);
        assert_eq!(reply.body["scope"], SCOPES.join(" "));
        let token = reply.text("/access_token");
        let parts: Vec<&str> = token.split('.').collect();
        let (header, claims) = (decoded(parts[0]), decoded(parts[1]));
        assert_eq!((&header["typ"], &header["alg"]), (&json!("at+jwt"), &json!("ES256")));
        for (name, value) in [("iss", PUBLIC_URL), ("aud", PUBLIC_URL), ("sub", &partner.client_id), ("client_id", &partner.client_id)] {
            assert_eq!(claims[name], value, "{name}");
        }
        assert_eq!(claims["scope"], SCOPES.join(" "));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert!(Uuid::try_parse(claims["jti"].as_str().unwrap()).is_ok());
        let keys = app.get_anonymous("/.well-known/jwks.json").await.expect(200).body;
        let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
        let coordinate = |name: &str| BASE64URL.decode(key[name].as_str().unwrap()).unwrap();
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let public = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED, point);
        let signature = BASE64URL.decode(parts[2]).unwrap();
        public.verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature).unwrap();
        partner.parties_with(&token).await.expect(200);
    }

    /// A6: a token of somebody else, for somebody else, too old, changed, or of another kind opens nothing.
    async fn only_a_genuine_token_opens_the_api(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let token = partner.token().await;
        let scopes = SCOPES.map(str::to_owned);
        let now = app.state.clock.now().timestamp();
        let issue = |issuer: &str, audience: &str| {
            let grant = Grant {
                issuer,
                audience,
                client_id: Uuid::try_parse(&partner.client_id).unwrap(),
                party_id: Uuid::try_parse(&partner.party_id).unwrap(),
                scopes: &scopes,
                lifetime: SignedDuration::from_mins(10),
            };
            app.state.token_keys.current().issue(now, &grant).unwrap().token.into_exposed()
        };
        let parts: Vec<&str> = token.split('.').collect();
        let mut claims = decoded(parts[1]);
        claims["scope"] = json!("parties.read parties.write");
        let widened = format!("{}.{}.{}", parts[0], encoded(&claims), parts[2]);
        let self_made = partner.signer.sign(&decoded(parts[0]), &decoded(parts[1]));
        let unsigned = format!("{}.{}.", encoded(&json!({ "alg": "none", "typ": "at+jwt" })), parts[1]);
        let truncated = &token[..token.len() - 4];
        for (what, bad) in [
            ("another issuer", issue("https://elsewhere.invalid", PUBLIC_URL)),
            ("another audience", issue(PUBLIC_URL, "https://elsewhere.invalid")),
            ("wider scopes", widened),
            ("a signature of its own", self_made),
            ("no signature", unsigned),
            ("a part of it", truncated.to_owned()),
            ("an assertion", partner.assertion()),
        ] {
            let reply = partner.parties_with(&bad).await;
            assert_eq!(reply.status, 401, "{what}");
            reply.problem("token_invalid");
        }
        partner.parties_with(&token).await.expect(200);
        app.clock_set_to("2026-03-02T01:10:31Z");
        partner.parties_with(&token).await.expect(401).problem("token_invalid");
    }

    /// A7: a verifier finds the key in use and the next one, and knows how long it may keep them.
    async fn the_next_key_is_public_before_it_signs(app: TestApp) {
        let reply = app.get_anonymous("/.well-known/jwks.json").await.expect(200);
        let keys = reply.body["keys"].as_array().unwrap().clone();
        assert_eq!(keys.len(), 2, "the active and the next");
        for key in &keys {
            assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!("EC"), &json!("ES256"), &json!("sig")));
            assert!(key["d"].is_null(), "never a private part");
        }
        assert_ne!(keys[0]["kid"], keys[1]["kid"]);
        assert_eq!(reply.header("cache-control"), "public, max-age=300");
    }

    /// A8: from the address of the API alone any OAuth client finds its way.
    async fn the_way_in_can_be_discovered(app: TestApp) {
        let challenge = app.get_anonymous("/v1/parties").await.expect(401).header("www-authenticate").to_owned();
        let address = challenge.split("resource_metadata=\"").nth(1).unwrap().trim_end_matches('"').to_owned();
        let resource = app.get_anonymous(address.strip_prefix(PUBLIC_URL).unwrap()).await.expect(200);
        assert_eq!(resource.body["resource"], PUBLIC_URL);
        assert_eq!(resource.body["authorization_servers"], json!([PUBLIC_URL]));
        assert_eq!(resource.body["bearer_methods_supported"], json!(["header"]));
        let server = app.get_anonymous("/.well-known/oauth-authorization-server").await.expect(200);
        assert_eq!(server.body["issuer"], PUBLIC_URL, "exactly the address it is found under");
        assert_eq!(server.body["token_endpoint"], format!("{PUBLIC_URL}/oauth/token"));
        assert_eq!(server.body["jwks_uri"], format!("{PUBLIC_URL}/.well-known/jwks.json"));
        assert_eq!(server.body["token_endpoint_auth_signing_alg_values_supported"], json!(["ES256", "EdDSA", "PS256"]));
        assert!(server.body["scopes_supported"].as_array().unwrap().contains(&json!("agreements.read")));
    }

    /// A9: a program can tell "get a new token" from "ask for another right".
    async fn a_refusal_says_which_right_is_missing(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let token = partner.ask_for(&partner.assertion(), "&scope=agreements.read").await.expect(200).text("/access_token");
        let reply = partner.parties_with(&token).await.expect(403).problem("insufficient_scope");
        assert_eq!(reply.body["required_scope"], "parties.read");
        assert!(reply.header("www-authenticate").contains("error=\"insufficient_scope\", scope=\"parties.read\""));
        let reply = partner.parties_with("x.y.z").await.expect(401);
        assert!(reply.header("www-authenticate").contains("error=\"invalid_token\""));
    }

    /// A10: a token carries what was asked for and never more than the client was given.
    async fn a_client_gets_no_scope_beyond_its_own(app: TestApp) {
        let partner = Partner::registered(&app).await;
        for (scope, error) in [("parties.write", "invalid_scope"), ("agreements.read+workers.read", "invalid_scope"), ("nonsense", "invalid_scope")] {
            let reply = partner.ask_for(&partner.assertion(), &format!("&scope={scope}")).await.expect(400);
            assert_eq!(reply.body["error"], error, "{scope}");
        }
        let one = partner.ask_for(&partner.assertion(), "&scope=agreements.read").await.expect(200);
        assert_eq!(one.body["scope"], "agreements.read");
        let other = Uuid::now_v7();
        partner.ask_for(&partner.assertion(), &format!("&client_id={other}")).await.expect(401);
        partner.ask_for(&partner.assertion(), &format!("&client_id={}", partner.client_id)).await.expect(200);
        partner.ask_for(&partner.assertion(), "&scope=agreements.read&scope=parties.read").await.expect(400);
    }

    /// A11: what belongs to others looks absent, whatever rights the token carries.
    async fn the_objects_of_others_look_absent(app: TestApp) {
        let scene = Scene::in_force(app.clone()).await;
        let outsider = app.party("绍兴市人力资源和社会保障局", "authority", "330600").await;
        for path in [String::new(), "/quotas".to_owned(), "/dispatches".to_owned()] {
            app.get(&scene.origin, &scene.path(&path)).await.expect(200);
            app.get(&outsider, &scene.path(&path)).await.expect(404).problem("not_found");
        }
        let partner = Partner::registered(&app).await;
        let token = partner.token().await;
        app.call("GET", &partner.path("")).bearer(&token).send().await.expect(403).problem("insufficient_scope");
        app.get(&partner.operator, &format!("/v1/clients/{}", Id::new())).await.expect(404).problem("not_found");
    }

    /// A12: no cache keeps a token, and no address carries one.
    async fn a_token_is_kept_out_of_caches_and_addresses(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let reply = partner.ask(&partner.assertion()).await.expect(200);
        assert_eq!(reply.header("cache-control"), "no-store");
        let token = reply.text("/access_token");
        app.get_anonymous(&format!("/v1/parties?access_token={token}")).await.expect(400).problem("unknown_parameter");
    }

    /// A revoked client is out at once, with every token it holds, and stays out.
    async fn a_revoked_client_is_out_at_once(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let token = partner.token().await;
        partner.parties_with(&token).await.expect(200);
        let path = partner.path("/revocation");
        let revoked = app.post(&partner.operator, &path, json!({})).await.expect(200);
        assert_eq!(revoked.body["state"], "revoked");
        assert_eq!(revoked.body["keys"][0]["state"], "revoked");
        partner.parties_with(&token).await.expect(401).problem("token_invalid");
        partner.refused(&partner.assertion()).await;
        app.clock_set_to("2026-03-02T01:05:00Z");
        partner.parties_with(&token).await.expect(401).problem("token_invalid");
        let again = app.post(&partner.operator, &path, json!({})).await.expect(409).problem("transition_not_allowed");
        assert_eq!(again.body["allowed_actions"], json!([]));
        let key = json!({ "public_key": Signer::new().public() });
        app.post(&partner.operator, &partner.path("/keys"), key).await.expect(409).problem("transition_not_allowed");
    }

    /// Another instance, which is not told, refuses a revoked client half a minute later at the latest.
    async fn a_revocation_reaches_every_instance_within_half_a_minute(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let token = partner.token().await;
        partner.parties_with(&token).await.expect(200);
        let client_id = Id::parse(&partner.client_id).unwrap();
        let elsewhere = app.state.db.write(move |connection| {
            Ok(statement("update client set state = 'revoked' where id = ?").bind(client_id).run(connection)?)
        });
        elsewhere.await.unwrap();
        app.clock_set_to("2026-03-02T01:00:29Z");
        partner.parties_with(&token).await.expect(200);
        app.clock_set_to("2026-03-02T01:00:30Z");
        partner.parties_with(&token).await.expect(401).problem("token_invalid");
    }

    /// While a key takes over, both work: no call fails because of a rotation.
    async fn two_keys_work_while_one_takes_over(app: TestApp) {
        let mut partner = Partner::registered(&app).await;
        let old = std::mem::replace(&mut partner.signer, Signer::new());
        let rotated = app.post(&partner.operator, &partner.path("/keys"), json!({ "public_key": partner.signer.public() })).await.expect(201);
        let states: Vec<&Value> = rotated.body["keys"].as_array().unwrap().iter().map(|key| &key["state"]).collect();
        assert!(states.contains(&&json!("active")) && states.contains(&&json!("retiring")), "{states:?}");
        let header = json!({ "alg": "ES256" });
        partner.ask(&old.sign(&header, &partner.claims())).await.expect(200);
        partner.ask(&partner.assertion()).await.expect(200);
        app.clock_set_to("2026-03-02T02:00:00Z");
        let newest = Signer::new();
        app.post(&partner.operator, &partner.path("/keys"), json!({ "public_key": newest.public() })).await.expect(201);
        partner.refused(&old.sign(&header, &partner.claims())).await;
        partner.ask(&partner.assertion()).await.expect(200);
        partner.ask(&newest.sign(&header, &partner.claims())).await.expect(200);
    }

    /// After a leak the earlier key and every token end at once.
    async fn a_leaked_key_is_replaced_without_delay(app: TestApp) {
        let mut partner = Partner::registered(&app).await;
        let token = partner.token().await;
        partner.parties_with(&token).await.expect(200);
        let old = std::mem::replace(&mut partner.signer, Signer::new());
        let body = json!({ "public_key": partner.signer.public(), "revoke_others": true });
        app.post(&partner.operator, &partner.path("/keys"), body).await.expect(201);
        partner.parties_with(&token).await.expect(401);
        partner.refused(&old.sign(&json!({ "alg": "ES256" }), &partner.claims())).await;
        app.clock_set_to("2026-03-02T01:00:05Z");
        let token = partner.token().await;
        partner.parties_with(&token).await.expect(200);
    }

    /// A suspended party gets no tokens and its tokens open nothing; activated, it starts with fresh ones.
    async fn a_suspended_party_is_shut_out_until_it_is_activated(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let token = partner.token().await;
        partner.parties_with(&token).await.expect(200);
        let party = format!("/v1/parties/{}", partner.party_id);
        let suspended = app.post(&partner.operator, &format!("{party}/suspension"), json!({})).await.expect(200);
        assert_eq!(suspended.body["state"], "suspended");
        partner.parties_with(&token).await.expect(403).problem("party_suspended");
        let refused = partner.ask(&partner.assertion()).await.expect(400);
        assert_eq!(refused.body["error"], "unauthorized_client");
        app.post(&partner.operator, &format!("{party}/activation"), json!({})).await.expect(200);
        partner.parties_with(&token).await.expect(401).problem("token_invalid");
        app.clock_set_to("2026-03-02T01:00:05Z");
        let token = partner.token().await;
        partner.parties_with(&token).await.expect(200);
    }

    /// A repeated suspension request does not hurt a party that was activated since.
    async fn a_late_repeat_of_a_suspension_voids_nothing(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let party = format!("/v1/parties/{}", partner.party_id);
        let key = [("idempotency-key", "suspend-once-and-only-once")];
        app.post_with(&partner.operator, &format!("{party}/suspension"), json!({}), &key).await.expect(200);
        app.post(&partner.operator, &format!("{party}/activation"), json!({})).await.expect(200);
        app.clock_set_to("2026-03-02T01:00:05Z");
        let token = partner.token().await;
        partner.parties_with(&token).await.expect(200);
        let repeat = app.post_with(&partner.operator, &format!("{party}/suspension"), json!({}), &key).await.expect(200);
        assert_eq!(repeat.header("idempotency-replayed"), "true");
        partner.parties_with(&token).await.expect(200);
    }

    /// A private key that is sent by mistake, a weak one, and a key the client has already are refused with the reason.
    async fn a_key_that_must_not_be_registered_is_refused(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let mut private = Signer::new().public();
        private["d"] = json!("c2VjcmV0");
        let short_rsa = json!({ "kty": "RSA", "n": BASE64URL.encode([0xff; 128]), "e": "AQAB" });
        let symmetric = json!({ "kty": "oct", "k": "c2VjcmV0" });
        for (key, code) in [(private, "key_private"), (short_rsa, "key_rsa_size"), (symmetric, "key_private"), (json!({ "kty": "EC", "crv": "P-521" }), "key_kind_not_allowed")] {
            let reply = app.post(&partner.operator, &partner.path("/keys"), json!({ "public_key": key })).await.expect(422).problem("field_invalid");
            assert_eq!(reply.body["errors"][0]["code"], code);
            assert_eq!(reply.body["errors"][0]["pointer"], "#/public_key");
            assert!(!String::from_utf8_lossy(&reply.bytes).contains("c2VjcmV0"), "nothing of a key is repeated");
        }
        let same = json!({ "public_key": partner.signer.public() });
        app.post(&partner.operator, &partner.path("/keys"), same).await.expect(409).problem("key_id_taken");
    }

    /// The operator cannot give a partner the right to register parties, nor a scope that does not exist.
    async fn a_client_is_registered_only_with_scopes_that_fit(app: TestApp) {
        let partner = Partner::registered(&app).await;
        for (scopes, code) in [(json!(["parties.write"]), "scope_not_for_kind"), (json!(["all"]), "scope_unknown"), (json!([]), "scope_needed")] {
            let body = json!({ "party_id": partner.party_id, "name": "系统", "scopes": scopes, "public_key": Signer::new().public() });
            let reply = app.post(&partner.operator, "/v1/clients", body).await.expect(422).problem("field_invalid");
            assert_eq!(reply.body["errors"][0]["code"], code);
        }
        let nobody = json!({ "party_id": Id::new(), "name": "系统", "public_key": Signer::new().public() });
        app.post(&partner.operator, "/v1/clients", nobody).await.expect(422).problem("reference_unknown");
        let usual = json!({ "party_id": partner.party_id, "name": "系统", "public_key": Signer::new().public() });
        let usual = app.post(&partner.operator, "/v1/clients", usual).await.expect(201);
        assert!(usual.body["scopes"].as_array().unwrap().contains(&json!("dispatches.write")));
    }

    /// The operator sees every client with its keys, page by page, and a stale change is refused.
    async fn the_operator_sees_every_client(app: TestApp) {
        let partner = Partner::registered(&app).await;
        for _ in 0..3 {
            let body = json!({ "party_id": partner.party_id, "name": "系统", "public_key": Signer::new().public() });
            app.post(&partner.operator, "/v1/clients", body).await.expect(201);
        }
        let list = format!("/v1/clients?party_id={}&limit=3", partner.party_id);
        let first = app.get(&partner.operator, &list).await.expect(200);
        assert_eq!(first.body["items"].as_array().unwrap().len(), 3);
        assert_eq!(first.body["items"][0]["keys"].as_array().unwrap().len(), 1);
        let next = format!("{list}&cursor={}", first.text("/next_cursor"));
        assert_eq!(app.get(&partner.operator, &next).await.expect(200).body["items"].as_array().unwrap().len(), 1);
        let one = app.get(&partner.operator, &partner.path("")).await.expect(200);
        assert_eq!(one.etag(), "\"1\"");
        let stale = app.post_with(&partner.operator, &partner.path("/revocation"), json!({}), &[("if-match", "\"7\"")]).await;
        stale.expect(412).problem("precondition_failed");
        app.post(&partner.operator, &partner.path("/revocation"), json!({})).await.expect(200);
        let revoked = app.get(&partner.operator, "/v1/clients?state=revoked").await.expect(200);
        assert_eq!(revoked.body["items"].as_array().unwrap().len(), 1);
        assert_eq!(revoked.body["items"][0]["id"], partner.client_id.as_str());
    }

    /// What was used and has expired is forgotten, so the memory of assertions does not grow for ever.
    async fn expired_assertions_are_swept(app: TestApp) {
        let partner = Partner::registered(&app).await;
        for minute in 0..4 {
            app.clock_set_to(&format!("2026-03-02T01:0{minute}:00Z"));
            partner.ask(&partner.assertion()).await.expect(200);
        }
        let counting = app.state.db.read(|connection| {
            Ok(statement("select count(*) from used_assertion").returning::<BigInt>().get_result::<i64>(connection)?)
        });
        assert_eq!(counting.await.unwrap(), 2, "each is kept for its minute and the clocks' half minute");
    }

    /// Whoever reads the log or an event knows for whom a token spoke.
    async fn a_token_names_its_client_and_party(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let token = partner.token().await;
        let expected = Expected { issuer: PUBLIC_URL, audience: PUBLIC_URL };
        let now = app.state.clock.now().timestamp();
        let verified = app.state.token_keys.current().verify_access_token(&token, now, expected).unwrap();
        assert_eq!(verified.client_id.to_string(), partner.client_id);
        assert_eq!(verified.party_id.to_string(), partner.party_id);
    }
    /// P16: tokens that were withdrawn on one instance open nothing on any other half a minute later, and new ones open again.
    async fn withdrawn_tokens_end_on_every_instance(app: TestApp) {
        let mut partner = Partner::registered(&app).await;
        let other = app.another_instance(|_| {}).await;
        let asked_there = async |token: &str| other.call("GET", "/v1/parties").bearer(token).send().await;
        let party = format!("/v1/parties/{}", partner.party_id);
        let mut minute = 0;
        let mut later = || {
            minute += 1;
            app.clock_set_to(&format!("2026-03-02T01:{minute:02}:00Z"));
        };

        let leaked = partner.token().await;
        asked_there(&leaked).await.expect(200);
        partner.signer = Signer::new();
        let body = json!({ "public_key": partner.signer.public(), "revoke_others": true });
        app.post(&partner.operator, &partner.path("/keys"), body).await.expect(201);
        later();
        asked_there(&leaked).await.expect(401).problem("token_invalid");
        let fresh = partner.token().await;
        asked_there(&fresh).await.expect(200);

        app.post(&partner.operator, &format!("{party}/suspension"), json!({})).await.expect(200);
        app.post(&partner.operator, &format!("{party}/activation"), json!({})).await.expect(200);
        later();
        asked_there(&fresh).await.expect(401).problem("token_invalid");
        let fresh = partner.token().await;
        asked_there(&fresh).await.expect(200);

        app.post(&partner.operator, &partner.path("/revocation"), json!({})).await.expect(200);
        later();
        asked_there(&fresh).await.expect(401).problem("token_invalid");
    }

    /// P18: a client gets so many tokens in a minute, and is told when the next one; another client is not held back.
    async fn a_client_that_asks_too_often_is_told_to_wait(app: TestApp) {
        let greedy = Partner::registered(&app).await;
        let throttled = app.another_instance(|state| state.limits.tokens_per_client = 3).await;
        let greedy = Partner { app: throttled.clone(), ..greedy };
        for _ in 0..3 {
            greedy.ask(&greedy.assertion()).await.expect(200);
        }
        let told = greedy.ask(&greedy.assertion()).await.expect(429);
        assert_eq!((told.header("retry-after"), told.header("cache-control")), ("20", "no-store"));
        assert_eq!(told.body["error"], "temporarily_unavailable");
        greedy.refused("a.b.c").await;

        let signer = Signer::new();
        let client = json!({ "party_id": greedy.party_id, "name": "另一系统", "scopes": SCOPES, "public_key": signer.public() });
        let client_id = throttled.post(&greedy.operator, "/v1/clients", client).await.expect(201).id();
        let modest = Partner { client_id, signer, operator: greedy.operator.clone(), party_id: greedy.party_id.clone(), ..greedy };
        modest.ask(&modest.assertion()).await.expect(200);
        app.clock_set_to("2026-03-02T01:00:20Z");
        modest.ask(&modest.assertion()).await.expect(200);
    }

    /// P18: whoever guesses from one address is held back before anything is read; behind a proxy it is the address the proxy names.
    async fn an_address_that_asks_too_often_is_told_to_wait(app: TestApp) {
        let partner = Partner::registered(&app).await;
        let limited = app.another_instance(|state| {
            state.limits.tokens_per_peer = 2;
            state.limits.behind_proxy = true;
        }).await;
        let ask = |forwarded: &'static str| {
            let form = format!("grant_type=client_credentials&client_assertion_type={JWT_BEARER}&client_assertion={}", partner.assertion());
            let call = limited.call("POST", "/oauth/token").header("x-forwarded-for", forwarded);
            call.bytes("application/x-www-form-urlencoded", form).send()
        };
        ask("198.51.100.7").await.expect(200);
        ask("203.0.113.9, 198.51.100.7").await.expect(200);
        let told = ask("192.0.2.33, 198.51.100.7").await.expect(429);
        assert_eq!(told.header("retry-after"), "30", "what the caller writes in front of the proxy's own word does not count");
        ask("192.0.2.33").await.expect(200);

        let form = "POST /oauth/token HTTP/1.1\r\nHost: exchange.test\r\nContent-Type: application/x-www-form-urlencoded\r\nX-Forwarded-For: 192.0.2.77\r\nContent-Length: 0\r\n";
        let mut direct = limited.state.clone();
        direct.limits.behind_proxy = false;
        let answer = crate::support::wire::talk(&direct, format!("{}{form}Connection: close\r\n\r\n", format!("{form}\r\n").repeat(2))).await;
        let statuses: Vec<&str> = answer.matches("HTTP/1.1 400").chain(answer.matches("HTTP/1.1 429")).collect();
        assert_eq!(statuses, ["HTTP/1.1 400", "HTTP/1.1 400", "HTTP/1.1 429"], "without a proxy the header counts for nothing: {answer}");
    }

    /// RFC 6749 §5.2: whatever goes wrong at the token endpoint, an OAuth client can read it.
    async fn every_refusal_of_the_token_endpoint_is_in_oauths_own_form(app: TestApp) {
        let form = "application/x-www-form-urlencoded";
        let large = app.call("POST", "/oauth/token").bytes(form, "a".repeat(16 * 1024 + 1)).send().await.expect(413);
        assert_eq!(large.body["error"], "invalid_request");
        let method = app.call("GET", "/oauth/token").send().await.expect(405);
        assert_eq!((&method.body["error"], method.header("allow")), (&json!("invalid_request"), "OPTIONS, POST"));
        let partner = Partner::registered(&app).await;
        app.expect_faults();
        let alter = async |sql: &'static str| app.state.db.write(move |connection| Ok(statement(sql).run(connection)?)).await.unwrap();
        alter("alter table used_assertion rename to used_assertion_elsewhere").await;
        let broken = partner.ask(&partner.assertion()).await.expect(500);
        assert_eq!((&broken.body["error"], broken.header("content-type")), (&json!("server_error"), "application/json"));
    }
}
