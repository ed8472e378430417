//! The tables of webhooks: endpoints, what they sign with, and what was sent.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    webhook_endpoint (id) {
        id -> Uid,
        party_id -> Uid,
        client_id -> Uid,
        url -> Text,
        description -> Nullable<Text>,
        partner_ref -> Nullable<Text>,
        types -> Text,
        signature -> Text,
        state -> Text,
        disabled_reason -> Nullable<Text>,
        disabled_at -> Nullable<BigInt>,
        failing_since -> Nullable<BigInt>,
        redelivered_at -> Nullable<BigInt>,
        position -> BigInt,
        lease_id -> Nullable<Uid>,
        leased_until -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    webhook_secret (endpoint_id, id) {
        endpoint_id -> Uid,
        id -> Uid,
        sealed -> Binary,
        public_key -> Nullable<Text>,
        created_at -> BigInt,
        ends_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    webhook_delivery (endpoint_id, id) {
        endpoint_id -> Uid,
        id -> Uid,
        event_id -> Uid,
        chain_id -> Uid,
        sequence -> BigInt,
        position -> BigInt,
        kind -> Text,
        state -> Text,
        redelivery -> Bool,
        attempts -> BigInt,
        next_attempt_at -> Nullable<BigInt>,
        last_attempt_at -> Nullable<BigInt>,
        response_status -> Nullable<BigInt>,
        duration_ms -> Nullable<BigInt>,
        failure -> Nullable<Text>,
        created_at -> BigInt,
    }
}
