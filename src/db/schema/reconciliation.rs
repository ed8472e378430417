//! Runs of a reconciliation and their rows.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    reconciliation_run (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        series_id -> Uid,
        step -> BigInt,
        cut_off_on -> Text,
        state -> Text,
        row_count -> BigInt,
        examined_rows -> BigInt,
        rows_hash -> Nullable<Binary>,
        carried -> Nullable<Text>,
        row_sum -> Nullable<Binary>,
        counts -> Text,
        requested_by -> Uid,
        started_at -> BigInt,
        finished_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    reconciliation_row (agreement_id, series_id, subject_id, since_step) {
        agreement_id -> Uid,
        series_id -> Uid,
        subject_id -> Uid,
        since_step -> BigInt,
        until_step -> Nullable<BigInt>,
        situation -> Text,
        placement_id -> Nullable<Uid>,
        claim_id -> Nullable<Uid>,
        tier -> Nullable<Text>,
        detail -> Text,
        announced -> Bool,
        confirmed -> Bool,
        arrival_quota_id -> Nullable<Uid>,
        row_hash -> Binary,
    }
}
