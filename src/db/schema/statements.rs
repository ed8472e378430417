//! Monthly statements: their editions, rows, signatures and objections.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    monthly_statement (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        month -> Text,
        state -> Text,
        edition -> BigInt,
        drafted_by -> Uid,
        objections_until -> Nullable<Text>,
        frozen_at -> Nullable<BigInt>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    statement_edition (agreement_id, statement_id, edition) {
        agreement_id -> Uid,
        statement_id -> Uid,
        edition -> BigInt,
        document -> Text,
        digest -> Binary,
        rows_root -> Binary,
        row_count -> BigInt,
        computed_by -> Uid,
        computed_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    statement_row (agreement_id, statement_id, edition, ordinal) {
        agreement_id -> Uid,
        statement_id -> Uid,
        edition -> BigInt,
        ordinal -> BigInt,
        subject_id -> Uid,
        figures -> Text,
        content -> Text,
        leaf -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    statement_signature (agreement_id, statement_id, edition, party_id) {
        agreement_id -> Uid,
        statement_id -> Uid,
        edition -> BigInt,
        party_id -> Uid,
        client_id -> Uid,
        key_id -> Text,
        public_key -> Text,
        signature -> Text,
        signed_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    statement_objection (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        statement_id -> Uid,
        edition -> BigInt,
        placement_id -> Nullable<Uid>,
        raised_by -> Uid,
        reason -> Text,
        state -> Text,
        raised_at -> BigInt,
        withdrawn_at -> Nullable<BigInt>,
    }
}
