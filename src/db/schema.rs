//! The tables, as both back ends have them.
//!
//! The migrations decide; a test compares this file, the SQLite schema and the PostgreSQL schema column by column.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    zone (id) {
        id -> Uid,
        name -> Text,
        host_code -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    party (id) {
        id -> Uid,
        name -> Text,
        kind -> Text,
        region_code -> Nullable<Text>,
        zone_id -> Nullable<Uid>,
        credit_code -> Nullable<Text>,
        state -> Text,
        tokens_void_before -> Nullable<BigInt>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    client (id) {
        id -> Uid,
        party_id -> Uid,
        name -> Text,
        scopes -> Text,
        state -> Text,
        tokens_void_before -> Nullable<BigInt>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    client_key (client_id, kid) {
        client_id -> Uid,
        kid -> Text,
        jwk -> Text,
        state -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    key_ring (id) {
        id -> BigInt,
        fingerprint -> Text,
        bound_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    used_assertion (client_id, jti) {
        client_id -> Uid,
        jti -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    chain_head (chain_id) {
        chain_id -> Uid,
        chain_kind -> Text,
        sequence -> BigInt,
        hash -> Binary,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    event (chain_id, sequence) {
        chain_id -> Uid,
        sequence -> BigInt,
        id -> Uid,
        kind -> Text,
        subject_kind -> Text,
        subject_id -> Uid,
        subject_version -> BigInt,
        employer_id -> Nullable<Uid>,
        happened_at -> BigInt,
        recorded_at -> BigInt,
        actor_party_id -> Uid,
        actor_client_id -> Nullable<Uid>,
        request_id -> Nullable<Uid>,
        commitment -> Binary,
        previous_hash -> Binary,
        hash -> Binary,
        salt -> Nullable<Binary>,
        payload -> Nullable<Text>,
        position -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    feed_head (id) {
        id -> BigInt,
        position -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    idempotency_key (id) {
        id -> Binary,
        fingerprint -> Binary,
        status -> BigInt,
        content_type -> Text,
        location -> Nullable<Text>,
        etag -> Nullable<Text>,
        content_language -> Nullable<Text>,
        body -> Binary,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    worker (party_id, id) {
        party_id -> Uid,
        id -> Uid,
        partner_ref -> Nullable<Text>,
        name_sealed -> Nullable<Binary>,
        identity_sealed -> Nullable<Binary>,
        phone_sealed -> Nullable<Binary>,
        identity_index -> Nullable<Binary>,
        exchange_index -> Nullable<Binary>,
        name_index -> Nullable<Binary>,
        sex -> Text,
        birth_year -> Nullable<BigInt>,
        hukou_code -> Text,
        state -> Text,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    worker_group (party_id, worker_id, group_code, valid_from) {
        party_id -> Uid,
        worker_id -> Uid,
        group_code -> Text,
        valid_from -> Text,
        valid_to -> Nullable<Text>,
        source -> Text,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    identity_read (party_id, id) {
        party_id -> Uid,
        id -> Uid,
        worker_id -> Uid,
        client_id -> Uid,
        reader_party_id -> Uid,
        purpose -> Text,
        request_id -> Nullable<Uid>,
        read_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    agreement (id) {
        id -> Uid,
        number -> Text,
        title -> Text,
        kind -> Text,
        state -> Text,
        drafted_by -> Uid,
        effective_from -> Text,
        effective_to -> Text,
        partner_ref -> Nullable<Text>,
        tally_version -> BigInt,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    agreement_party (agreement_id, party_id) {
        agreement_id -> Uid,
        party_id -> Uid,
        role -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    agreement_version (agreement_id, number) {
        agreement_id -> Uid,
        number -> BigInt,
        state -> Text,
        effective_on -> Text,
        document -> Text,
        digest -> Binary,
        reason -> Nullable<Text>,
        created_at -> BigInt,
        ratified_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    ratification (agreement_id, version, party_id) {
        agreement_id -> Uid,
        version -> BigInt,
        party_id -> Uid,
        client_id -> Uid,
        digest -> Binary,
        signature -> Nullable<Text>,
        key_id -> Nullable<Text>,
        ratified_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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

    /// See the migration of the same name.
    place_hold (agreement_id, account_id, dispatch_id) {
        agreement_id -> Uid,
        account_id -> Uid,
        dispatch_id -> Uid,
        places -> BigInt,
        holds_until -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
    open_placement (exchange_index) {
        exchange_index -> Binary,
        placement_id -> Uid,
        dispatch_id -> Uid,
        agreement_id -> Uid,
        holds_until -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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

    /// See the migration of the same name.
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

diesel::allow_tables_to_appear_in_same_query!(
    zone,
    party,
    client,
    client_key,
    key_ring,
    used_assertion,
    chain_head,
    event,
    feed_head,
    idempotency_key,
    worker,
    worker_group,
    identity_read,
    agreement,
    agreement_party,
    agreement_version,
    ratification,
    quota,
    place_account,
    place_entry,
    place_hold,
    dispatch,
    placement,
    open_placement,
    claim,
    dispute,
    employment_spell,
    observation,
    retention_check,
    tally,
    retention_due,
    reconciliation_run,
    reconciliation_row
);
