//! Work that takes longer than an answer may, and the rows it is about.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    job (id) {
        id -> Uid,
        party_id -> Uid,
        client_id -> Uid,
        request_id -> Nullable<Uid>,
        kind -> Text,
        state -> Text,
        about -> Text,
        form -> Text,
        language -> Text,
        warnings -> Text,
        row_count -> BigInt,
        processed_rows -> BigInt,
        accepted_rows -> BigInt,
        unchanged_rows -> BigInt,
        rejected_rows -> BigInt,
        part_count -> BigInt,
        parts_done -> BigInt,
        error -> Nullable<Text>,
        lease -> Nullable<Uid>,
        leased_until -> Nullable<BigInt>,
        version -> BigInt,
        created_at -> BigInt,
        started_at -> Nullable<BigInt>,
        finished_at -> Nullable<BigInt>,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    job_part (job_id, number) {
        job_id -> Uid,
        number -> BigInt,
        id -> Uid,
        first_row -> BigInt,
        row_count -> BigInt,
        rejected_rows -> BigInt,
        rows -> Binary,
        receipts -> Nullable<Text>,
    }
}
