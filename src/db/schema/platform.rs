//! The platform's tables: clients and their keys, the key ring this database belongs to, the chains of events and their feed, answers kept under an Idempotency-Key.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    client (id) {
        id -> Uid,
        party_id -> Uid,
        name -> Text,
        scopes -> Text,
        state -> Text,
        tokens_void_before -> Nullable<BigInt>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    client_key (client_id, kid) {
        client_id -> Uid,
        kid -> Text,
        jwk -> Text,
        state -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    used_assertion (client_id, jti) {
        client_id -> Uid,
        jti -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    key_ring (id) {
        id -> BigInt,
        fingerprint -> Text,
        bound_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    chain_head (chain_id) {
        chain_id -> Uid,
        chain_kind -> Text,
        sequence -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    event (chain_id, sequence) {
        chain_id -> Uid,
        sequence -> BigInt,
        id -> Uid,
        kind -> Text,
        subject_kind -> Text,
        subject_id -> Uid,
        subject_version -> BigInt,
        employer_id -> Nullable<Uid>,
        happened_at -> BigInt,
        recorded_at -> BigInt,
        actor_party_id -> Uid,
        actor_client_id -> Nullable<Uid>,
        request_id -> Nullable<Uid>,
        commitment -> Binary,
        previous_hash -> Binary,
        hash -> Binary,
        salt -> Nullable<Binary>,
        payload -> Nullable<Text>,
        position -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    feed_head (id) {
        id -> BigInt,
        position -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    idempotency_key (id) {
        id -> Binary,
        fingerprint -> Binary,
        status -> BigInt,
        content_type -> Text,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        content_language -> Nullable<Text>,
        body -> Binary,
        created_at -> BigInt,
    }
}
