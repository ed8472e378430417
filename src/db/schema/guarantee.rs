//! What follows an exit within the guarantee, and where a place lies after a transfer.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    replacement_duty (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        placement_id -> Uid,
        owner_id -> Uid,
        employer_id -> Uid,
        quota_id -> Nullable<Uid>,
        reason -> Text,
        ended_on -> Text,
        window_days -> BigInt,
        due_on -> Text,
        state -> Text,
        replacement_id -> Nullable<Uid>,
        waived_by -> Nullable<Uid>,
        waiver_reason -> Nullable<Text>,
        version -> BigInt,
        opened_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    transferred_place (agreement_id, placement_id) {
        agreement_id -> Uid,
        placement_id -> Uid,
        quota_id -> Nullable<Uid>,
        moved_at -> BigInt,
    }
}
