//! Files on their way in, and their rows.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    file_import (id) {
        id -> Uid,
        party_id -> Uid,
        client_id -> Uid,
        layout -> Text,
        target -> Text,
        format -> Text,
        charset -> Nullable<Text>,
        byte_count -> BigInt,
        digest -> Binary,
        sheets_sealed -> Binary,
        agreement_id -> Nullable<Uid>,
        dispatch_id -> Nullable<Uid>,
        quota_id -> Nullable<Uid>,
        employer_id -> Nullable<Uid>,
        region_code -> Nullable<Text>,
        pay_month -> Nullable<Text>,
        valid_until -> Nullable<Text>,
        list_date -> Nullable<Text>,
        validate_only -> Bool,
        state -> Text,
        row_count -> BigInt,
        skipped_count -> BigInt,
        done_count -> BigInt,
        accepted -> BigInt,
        unchanged -> BigInt,
        rejected -> BigInt,
        warned -> BigInt,
        findings -> Text,
        refusal -> Nullable<Text>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    import_row (import_id, number) {
        import_id -> Uid,
        number -> BigInt,
        id -> Uid,
        sheet -> BigInt,
        sheet_row -> BigInt,
        kind -> Text,
        content_sealed -> Binary,
        verdict -> Text,
        findings -> Text,
        outcome -> Text,
        subject_id -> Nullable<Uid>,
    }
}
