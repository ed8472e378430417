//! Runs of a reconciliation and their rows.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    reconciliation_run (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        cut_off_on -> Text,
        state -> Text,
        row_count -> BigInt,
        rows_hash -> Nullable<Binary>,
        counts -> Text,
        requested_by -> Uid,
        started_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    reconciliation_row (agreement_id, run_id, ordinal) {
        agreement_id -> Uid,
        run_id -> Uid,
        ordinal -> BigInt,
        situation -> Text,
        placement_id -> Nullable<Uid>,
        claim_id -> Nullable<Uid>,
        tier -> Nullable<Text>,
        detail -> Text,
    }
}
