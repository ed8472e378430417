//! Spells of employment, observations, and the decided checks at the nodes of a rule.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    employment_spell (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        placement_id -> Uid,
        employer_id -> Nullable<Uid>,
        region_code -> Text,
        started_on -> Text,
        ended_on -> Nullable<Text>,
        grain -> Text,
        end_reason -> Nullable<Text>,
        reported_by -> Uid,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    exit_entry (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        placement_id -> Uid,
        spell_id -> Uid,
        kind -> Text,
        ended_on -> Text,
        grain -> Text,
        reason -> Text,
        late -> Bool,
        placement_ended_on -> Nullable<Text>,
        reported_by -> Uid,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    observation (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        placement_id -> Uid,
        observer_id -> Uid,
        client_ref -> Nullable<Text>,
        in_post -> Bool,
        seen_from -> Text,
        seen_to -> Text,
        employer_id -> Nullable<Uid>,
        region_code -> Nullable<Text>,
        evidence -> Text,
        source -> Text,
        monthly_wage_fen -> Nullable<BigInt>,
        content_hash -> Binary,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    retention_check (agreement_id, placement_id, node) {
        agreement_id -> Uid,
        placement_id -> Uid,
        node -> Text,
        due_on -> Text,
        state -> Text,
        evidence -> Nullable<Text>,
        decided_by -> Nullable<Uid>,
        reason -> Text,
    }
}
