//! Dispatches and placements, who has an open placement, and the tallies that officials read.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    dispatch (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        origin_id -> Uid,
        plan_year -> BigInt,
        title -> Text,
        mode -> Text,
        vehicle -> Nullable<Text>,
        leader_sealed -> Nullable<Binary>,
        leader_phone_sealed -> Nullable<Binary>,
        legal_basis -> Text,
        consent_recorded -> Bool,
        planned_departure_on -> Text,
        planned_arrival_on -> Text,
        holds_until -> BigInt,
        departed_on -> Nullable<Text>,
        state -> Text,
        placements -> BigInt,
        partner_ref -> Nullable<Text>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    placement (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        dispatch_id -> Uid,
        quota_id -> Uid,
        cohort_id -> Nullable<Uid>,
        worker_id -> Uid,
        origin_id -> Uid,
        destination_id -> Uid,
        employer_id -> Uid,
        plan_year -> BigInt,
        partner_ref -> Nullable<Text>,
        group_code -> Text,
        scope -> Text,
        arrival_due_on -> Text,
        state -> Text,
        departed_on -> Nullable<Text>,
        outcome_on -> Nullable<Text>,
        onboarded_on -> Nullable<Text>,
        real_employer_id -> Nullable<Uid>,
        real_region_code -> Nullable<Text>,
        evidence -> Nullable<Text>,
        certain -> Bool,
        late -> Bool,
        disputed -> Bool,
        holds_place -> Bool,
        ended_on -> Nullable<Text>,
        end_reason -> Nullable<Text>,
        version -> BigInt,
        enrolled_at -> BigInt,
        cancelled_at -> Nullable<BigInt>,
        enrolled_again_at -> Nullable<BigInt>,
        departure_recorded_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    open_placement (person_id) {
        person_id -> Uid,
        placement_id -> Uid,
        dispatch_id -> Uid,
        agreement_id -> Uid,
        holds_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    tally (agreement_id, plan_year, quota_id, scope, population, measure, node, standing) {
        agreement_id -> Uid,
        plan_year -> BigInt,
        quota_id -> Uid,
        scope -> Text,
        population -> Text,
        measure -> Text,
        node -> Text,
        standing -> Text,
        persons -> BigInt,
        placements -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    retention_due (agreement_id, plan_year, quota_id, node, due_on) {
        agreement_id -> Uid,
        plan_year -> BigInt,
        quota_id -> Uid,
        node -> Text,
        due_on -> Text,
        placements -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    roster_return (agreement_id, id) {
        agreement_id -> Uid,
        id -> Uid,
        placement_id -> Uid,
        quota_id -> Uid,
        cohort_id -> Nullable<Uid>,
        returned_by -> Uid,
        reason -> Text,
        returned_at -> BigInt,
    }
}
