//! Agreements with their parties, the versions of their terms, and who ratified which.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    agreement (id) {
        id -> Uid,
        number -> Text,
        title -> Text,
        kind -> Text,
        state -> Text,
        drafted_by -> Uid,
        effective_from -> Text,
        effective_to -> Text,
        partner_ref -> Nullable<Text>,
        tally_version -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    agreement_party (agreement_id, party_id) {
        agreement_id -> Uid,
        party_id -> Uid,
        role -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    agreement_version (agreement_id, number) {
        agreement_id -> Uid,
        number -> BigInt,
        state -> Text,
        effective_on -> Text,
        document -> Text,
        digest -> Binary,
        reason -> Nullable<Text>,
        created_at -> BigInt,
        ratified_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    ratification (agreement_id, version, party_id) {
        agreement_id -> Uid,
        version -> BigInt,
        party_id -> Uid,
        client_id -> Uid,
        digest -> Binary,
        signature -> Nullable<Text>,
        key_id -> Nullable<Text>,
        ratified_at -> BigInt,
    }
}
