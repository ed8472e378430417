//! Claims of what became of a placement, and disputes about it.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    claim (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        placement_id -> Nullable<Uid>,
        claimant_id -> Uid,
        claimant_role -> Text,
        client_ref -> Nullable<Text>,
        outcome -> Text,
        happened_on -> Text,
        employer_id -> Nullable<Uid>,
        region_code -> Nullable<Text>,
        evidence -> Text,
        late -> Bool,
        exchange_index -> Nullable<Binary>,
        name_index -> Nullable<Binary>,
        name_sealed -> Nullable<Binary>,
        content_hash -> Binary,
        replaced_by -> Nullable<Uid>,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    dispute (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        placement_id -> Uid,
        raised_by -> Uid,
        reason -> Text,
        state -> Text,
        raised_at -> BigInt,
        withdrawn_at -> Nullable<BigInt>,
    }
}
