//! Clients (客户端): the credentials by which a party's systems reach the exchange.
//!
//! A client has registered public keys, never a secret. Two keys live at a time while one takes over from the other: the newer is
//! active, the older retiring, and both are accepted. Revoking a client is final; its party gets a new one.
//!
//! Deliberately absent: secrets, passwords, key sets fetched from the client's address, and refresh tokens.

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::sql_types::Text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::jwks::{RegisteredKey, RegisteredKeyState};
use super::policy;
use crate::db::{Id, Instant};
use crate::error::{Fault, Faults, Result};
use crate::lifecycle::Transition;

/// The longest name of a client, in characters.
pub const NAME_LENGTH_MAX: usize = 100;
/// The scope that registers parties and clients; only an operator's client may hold it.
const OPERATOR_SCOPE: &str = "parties.write";

crate::text_enum! {
    /// Whether a client gets tokens.
    pub enum ClientState {
        /// It does.
        Active => "active" / "有效",
        /// Never again.
        Revoked => "revoked" / "已吊销",
    }
}

crate::text_enum! {
    /// What the operator may do with a client.
    pub enum ClientAction {
        /// Register one more public key.
        AddKey => "add_key" / "添加密钥",
        /// Shut it out for good.
        Revoke => "revoke" / "吊销",
    }
}

/// The life of a client.
pub const TRANSITIONS: &[Transition<ClientState, ClientAction>] = &[
    (ClientState::Active, ClientAction::AddKey, ClientState::Active),
    (ClientState::Active, ClientAction::Revoke, ClientState::Revoked),
];

crate::text_enum! {
    /// Whether a key is accepted.
    pub enum KeyState {
        /// The newest; accepted.
        Active => "active" / "使用中",
        /// Being replaced; still accepted.
        Retiring => "retiring" / "轮换中",
        /// Not accepted any more.
        Revoked => "revoked" / "已吊销",
    }
}

impl From<KeyState> for RegisteredKeyState {
    fn from(state: KeyState) -> Self {
        match state {
            KeyState::Active => Self::Active,
            KeyState::Retiring => Self::Retiring,
            KeyState::Revoked => Self::Revoked,
        }
    }
}

/// Scopes, stored as one text with a space between two, as tokens carry them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[serde(transparent)]
#[diesel(sql_type = Text)]
pub struct Scopes(pub Vec<String>);

impl Scopes {
    /// Reads scopes that are written with spaces between them.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self(text.split_ascii_whitespace().map(ToOwned::to_owned).collect())
    }

    /// What a client with these scopes is granted when it asks for `asked`: all of them when it asks for nothing in
    /// particular, nothing when it asks for one it does not have.
    #[must_use]
    pub fn granted(&self, asked: Option<&str>) -> Option<Vec<String>> {
        let asked = match asked.map(Self::parse) {
            None => return Some(self.0.clone()),
            Some(asked) => asked.0,
        };
        let mut granted: Vec<String> = Vec::with_capacity(asked.len());
        for scope in asked {
            if !self.0.contains(&scope) {
                return None;
            }
            if !granted.contains(&scope) {
                granted.push(scope);
            }
        }
        (!granted.is_empty()).then_some(granted)
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

crate::text_column!(Scopes);

impl<DB: diesel::backend::Backend> FromSql<Text, DB> for Scopes
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        String::from_sql(value).map(|text| Self::parse(&text))
    }
}

impl PartialSchema for Scopes {
    fn schema() -> RefOr<Schema> {
        let name = ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::String))
            .description(Some("A scope; the metadata of the authorization server lists them all"))
            .pattern(Some("^[a-z]+\\.[a-z]+$"))
            .max_length(Some(40))
            .examples([Value::from("agreements.read")]);
        ArrayBuilder::new().items(name).min_items(Some(1)).max_items(Some(policy::SCOPES.len())).into()
    }
}
impl ToSchema for Scopes {}

/// A public key as JWK (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, AsExpression, FromSqlRow)]
#[serde(transparent)]
#[diesel(sql_type = Text)]
pub struct PublicJwk(pub Value);

impl std::fmt::Display for PublicJwk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

crate::text_column!(PublicJwk);

impl<DB: diesel::backend::Backend> FromSql<Text, DB> for PublicJwk
where
    String: FromSql<Text, DB>,
{
    fn from_sql(value: DB::RawValue<'_>) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(&String::from_sql(value)?)?))
    }
}

impl PartialSchema for PublicJwk {
    fn schema() -> RefOr<Schema> {
        let member = |max: usize, description: &str| {
            ObjectBuilder::new()
                .schema_type(SchemaType::new(Type::String))
                .description(Some(description))
                .max_length(Some(max))
        };
        ObjectBuilder::new()
            .schema_type(SchemaType::new(Type::Object))
            .description(Some("A public key as JWK (RFC 7517): EC P-256, OKP Ed25519, or RSA of 2048 bits or more"))
            .property("kty", member(3, "`EC`, `OKP` or `RSA`"))
            .property("crv", member(7, "`P-256` or `Ed25519`"))
            .property("x", member(43, "First coordinate, base64url"))
            .property("y", member(43, "Second coordinate of EC, base64url"))
            .property("n", member(1_366, "Modulus of RSA, base64url"))
            .property("e", member(6, "Exponent of RSA, base64url"))
            .property("kid", member(128, "Key id that assertions name; the RFC 7638 thumbprint when absent"))
            .property("alg", member(5, "`ES256`, `EdDSA` or `PS256`, whichever fits the key"))
            .property("use", member(3, "`sig`"))
            .required("kty")
            .examples([serde_json::json!({
                "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "alg": "ES256", "use": "sig"
            })])
            .into()
    }
}
impl ToSchema for PublicJwk {}

/// A client's row.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::client)]
pub struct Client {
    /// Id; the `client_id` of its assertions.
    pub id: Id,
    /// The party it speaks for.
    pub party_id: Id,
    /// Which system it is.
    #[schema(max_length = 100, example = "劳务输出管理系统")]
    pub name: String,
    /// What its tokens may carry.
    pub scopes: Scopes,
    /// Whether it gets tokens.
    pub state: ClientState,
    /// Version of this row, also in its ETag; a new key counts.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 1)]
    pub version: i64,
    /// Registered at.
    pub created_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}

/// A registered public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::client_key)]
pub struct ClientKey {
    /// Key id that assertions name.
    #[schema(max_length = 128, min_length = 1, example = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")]
    pub kid: String,
    /// The key.
    pub jwk: PublicJwk,
    /// Whether it is accepted.
    pub state: KeyState,
    /// Registered at.
    pub created_at: Instant,
}

impl ClientKey {
    /// The key as verification takes it; none for a stored key that is no longer understood.
    #[must_use]
    pub fn registered(&self) -> Option<RegisteredKey> {
        RegisteredKey::from_jwk(&self.jwk.0, self.state.into()).ok()
    }
}

/// A client with its keys, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClientWithKeys {
    /// The client.
    #[serde(flatten)]
    pub client: Client,
    /// Its keys, newest first; revoked ones are kept for the record.
    #[schema(max_items = 1000)]
    pub keys: Vec<ClientKey>,
}

/// A client to be registered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"party_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "name": "劳务输出管理系统", "scopes": ["parties.read", "agreements.read"],
    "public_key": {"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}}))]
pub struct NewClient {
    /// The party it will speak for.
    pub party_id: Id,
    /// Which system it is.
    #[schema(max_length = 100, min_length = 1)]
    pub name: String,
    /// What its tokens may carry; the usual scopes of the party's kind when absent.
    #[serde(default)]
    pub scopes: Option<Scopes>,
    /// Its first public key.
    pub public_key: PublicJwk,
}

/// A key that takes over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"public_key": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}}))]
pub struct NewClientKey {
    /// The public key.
    pub public_key: PublicJwk,
    /// Whether the earlier keys end at once instead of retiring: for a key that leaked. The tokens of the client end with them.
    #[serde(default)]
    pub revoke_others: bool,
}

/// Checks a client of a party of `party_kind`: its scopes, and its key ready to be stored.
///
/// # Errors
/// [`crate::error::Code::FieldInvalid`] with every fault.
pub fn checked(new: &NewClient, party_kind: &str) -> Result<(Scopes, RegisteredKey)> {
    let mut faults = Faults::new();
    faults.text("/name", &new.name, NAME_LENGTH_MAX);
    let usual = || Scopes(policy::default_scopes(party_kind).into_iter().map(ToOwned::to_owned).collect());
    let scopes = new.scopes.clone().unwrap_or_else(usual);
    check_scopes(&mut faults, &scopes, party_kind);
    let key = read_key(&mut faults, &new.public_key);
    match key {
        Some(key) if faults.is_empty() => Ok((scopes, key)),
        _ => Err(crate::error::Error::new(crate::error::Code::FieldInvalid).faults(faults.into_inner())),
    }
}

fn check_scopes(faults: &mut Faults, scopes: &Scopes, party_kind: &str) {
    faults.require(!scopes.0.is_empty(), "/scopes", "scope_needed", "name at least one scope", "至少填写一个权限范围");
    for (place, scope) in scopes.0.iter().enumerate() {
        let pointer = format!("/scopes/{place}");
        let known = policy::SCOPES.iter().any(|(name, _, _)| name == scope);
        faults.require(known, &pointer, "scope_unknown", "there is no such scope", "没有该权限范围");
        let repeated = scopes.0.iter().take(place).any(|earlier| earlier == scope);
        faults.require(!repeated, &pointer, "scope_repeated", "name each scope once", "权限范围重复");
        faults.require(
            scope != OPERATOR_SCOPE || party_kind == "operator",
            &pointer,
            "scope_not_for_kind",
            "only a client of the operator may have this scope",
            "该权限范围仅限运营方客户端",
        );
    }
}

/// Reads a public key that is to be registered; what is wrong with it becomes a fault.
pub fn read_key(faults: &mut Faults, jwk: &PublicJwk) -> Option<RegisteredKey> {
    RegisteredKey::from_jwk(&jwk.0, RegisteredKeyState::Active)
        .map_err(|refusal| {
            faults.push(Fault::body("/public_key", refusal.code(), refusal.to_string(), refusal.chinese()));
        })
        .ok()
}

/// The state a key is in after a newer one has been registered: the active one retires, whatever retired before is over.
#[must_use]
pub const fn superseded(state: KeyState, revoke_others: bool) -> KeyState {
    match (state, revoke_others) {
        (KeyState::Active, false) => KeyState::Retiring,
        (KeyState::Active, true) | (KeyState::Retiring | KeyState::Revoked, _) => KeyState::Revoked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::identity::client_key::ClientKey as KeyPair;

    fn new_client(scopes: Option<&str>) -> NewClient {
        let public_key = PublicJwk(KeyPair::generate().unwrap().public().to_jwk());
        NewClient { party_id: Id::new(), name: "系统".to_owned(), scopes: scopes.map(Scopes::parse), public_key }
    }

    fn codes(error: &Error) -> Vec<&str> {
        error.faults.iter().map(|fault| fault.code).collect()
    }

    #[test]
    fn a_client_ends_once_and_for_all() {
        crate::lifecycle::assert_sound(TRANSITIONS, ClientState::Active, ClientState::ALL);
    }

    #[test]
    fn a_token_never_carries_more_than_was_asked_for_or_granted() {
        let scopes = Scopes::parse("agreements.read events.read");
        let texts = |granted: Option<Vec<String>>| granted.map(|granted| granted.join(" "));
        let table = [
            (None, Some("agreements.read events.read")),
            (Some("events.read"), Some("events.read")),
            (Some("events.read events.read"), Some("events.read")),
            (Some("agreements.read workers.read"), None),
            (Some("parties.write"), None),
            (Some("  "), None),
        ];
        for (asked, expected) in table {
            assert_eq!(texts(scopes.granted(asked)).as_deref(), expected, "{asked:?}");
        }
    }

    #[test]
    fn a_client_without_named_scopes_gets_those_of_its_kind_of_party() {
        let (scopes, _) = checked(&new_client(None), "employer").unwrap();
        assert!(scopes.0.contains(&"arrivals.write".to_owned()));
        assert!(!scopes.0.contains(&"workers.read".to_owned()));
    }

    #[test]
    fn the_right_to_register_parties_stays_with_the_operator() {
        assert_eq!(
            codes(&checked(&new_client(Some("parties.write")), "authority").unwrap_err()),
            ["scope_not_for_kind"]
        );
        checked(&new_client(Some("parties.write")), "operator").unwrap();
    }

    #[test]
    fn unknown_and_repeated_scopes_are_told_apart() {
        let error = checked(&new_client(Some("events.read events.read nothing.else")), "authority").unwrap_err();
        assert_eq!(codes(&error), ["scope_repeated", "scope_unknown"]);
    }

    #[test]
    fn a_private_key_is_never_taken() {
        let mut new = new_client(None);
        new.public_key.0["d"] = Value::from("c2VjcmV0");
        assert_eq!(codes(&checked(&new, "authority").unwrap_err()), ["key_private"]);
    }

    #[test]
    fn two_keys_are_accepted_while_one_takes_over_from_the_other() {
        let table = [
            (KeyState::Active, false, KeyState::Retiring),
            (KeyState::Retiring, false, KeyState::Revoked),
            (KeyState::Revoked, false, KeyState::Revoked),
            (KeyState::Active, true, KeyState::Revoked),
            (KeyState::Retiring, true, KeyState::Revoked),
        ];
        for (before, leaked, after) in table {
            assert_eq!(superseded(before, leaked), after, "{before} {leaked}");
        }
    }
}
