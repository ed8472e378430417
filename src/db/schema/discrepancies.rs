//! Discrepancies: what follows when a row does not agree, and the matches that people made.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    discrepancy (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        subject_id -> Uid,
        placement_id -> Nullable<Uid>,
        claim_id -> Nullable<Uid>,
        reported_by -> Uid,
        code -> Text,
        situation -> Text,
        owner -> Text,
        detail -> Text,
        facts -> Binary,
        state -> Text,
        due_on -> Text,
        outcome -> Nullable<Text>,
        version -> BigInt,
        opened_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    discrepancy_resolution (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        outcome -> Text,
        reason -> Text,
        state -> Text,
        row_count -> BigInt,
        party_id -> Uid,
        client_id -> Uid,
        confirmed_by -> Nullable<Uid>,
        made_at -> BigInt,
        confirmed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    discrepancy_entry (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        discrepancy_id -> Uid,
        kind -> Text,
        state -> Text,
        due_on -> Text,
        outcome -> Nullable<Text>,
        words -> Nullable<Text>,
        party_id -> Uid,
        client_id -> Uid,
        run_id -> Nullable<Uid>,
        resolution_id -> Nullable<Uid>,
        placement_id -> Nullable<Uid>,
        forced -> Bool,
        undoes -> Nullable<Uid>,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    discrepancy_duty (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        discrepancy_id -> Uid,
        party_id -> Uid,
        due_on -> Text,
        opened_by -> Uid,
        opened_at -> BigInt,
        closed_by -> Nullable<Uid>,
        closed_at -> Nullable<BigInt>,
        closing -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    claim_match (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        claim_id -> Uid,
        placement_id -> Uid,
        discrepancy_id -> Uid,
        entry_id -> Uid,
        forced -> Bool,
        matched_by -> Uid,
        recorded_at -> BigInt,
        undone_at -> Nullable<BigInt>,
    }
}
