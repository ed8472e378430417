//! Quotas, the accounts of places with their ledger, and who holds places until when.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    quota (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        destination_id -> Uid,
        employer_id -> Uid,
        post_title -> Text,
        occupation_code -> Nullable<Text>,
        region_code -> Text,
        zone_id -> Nullable<Uid>,
        requested_places -> BigInt,
        approved_places -> BigInt,
        approval_reason -> Nullable<Text>,
        withdrawal_reason -> Nullable<Text>,
        monthly_wage_min_fen -> Nullable<BigInt>,
        monthly_wage_max_fen -> Nullable<BigInt>,
        valid_until -> Text,
        state -> Text,
        partner_ref -> Nullable<Text>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    quota_approval (agreement_id, quota_id, version) {
        agreement_id -> Uid,
        quota_id -> Uid,
        version -> BigInt,
        places -> BigInt,
        approved_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    place_account (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        kind -> Text,
        quota_id -> Nullable<Uid>,
        region_code -> Nullable<Text>,
        starts_on -> Nullable<Text>,
        places -> BigInt,
        reserved -> BigInt,
        consumed -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    place_entry (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        account_id -> Uid,
        dispatch_id -> Uid,
        kind -> Text,
        places -> BigInt,
        reason -> Text,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    place_hold (agreement_id, account_id, dispatch_id) {
        agreement_id -> Uid,
        account_id -> Uid,
        dispatch_id -> Uid,
        places -> BigInt,
        holds_until -> BigInt,
    }
}
