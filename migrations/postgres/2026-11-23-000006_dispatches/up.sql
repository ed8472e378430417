create table dispatch (
    agreement_id uuid not null,
    id uuid not null,
    origin_id uuid not null,
    plan_year bigint not null,
    title text collate "C" not null,
    mode text collate "C" not null,
    vehicle text collate "C",
    leader_sealed bytea,
    leader_phone_sealed bytea,
    legal_basis text collate "C" not null,
    consent_recorded boolean not null,
    planned_departure_on text collate "C" not null,
    planned_arrival_on text collate "C" not null,
    holds_until bigint not null,
    departed_on text collate "C",
    state text collate "C" not null,
    placements bigint not null,
    partner_ref text collate "C",
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint dispatch_pkey primary key (agreement_id, id),
    constraint dispatch_origin_fkey foreign key (agreement_id, origin_id) references agreement_party (agreement_id, party_id),
    constraint dispatch_mode_known check (mode in ('point_to_point', 'self_arranged', 'agency', 'broker')),
    constraint dispatch_state_known check (state in ('draft', 'locked', 'departed', 'closed', 'cancelled')),
    constraint dispatch_departed_when check ((state in ('departed', 'closed')) = (departed_on is not null)),
    constraint dispatch_days_ordered check (planned_arrival_on >= planned_departure_on),
    constraint dispatch_title_length check (length(title) between 1 and 200),
    constraint dispatch_placements_sign check (placements >= 0),
    constraint dispatch_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint dispatch_version_positive check (version > 0)
);
create unique index dispatch_id_unique on dispatch (id);
create unique index dispatch_partner_ref_unique on dispatch (origin_id, partner_ref);
create index dispatch_origin_index on dispatch (agreement_id, origin_id);

create table placement (
    agreement_id uuid not null,
    id uuid not null,
    dispatch_id uuid not null,
    quota_id uuid not null,
    cohort_id uuid,
    worker_id uuid not null,
    origin_id uuid not null,
    destination_id uuid not null,
    employer_id uuid not null,
    plan_year bigint not null,
    partner_ref text collate "C",
    group_code text collate "C" not null,
    scope text collate "C" not null,
    arrival_due_on text collate "C" not null,
    state text collate "C" not null,
    departed_on text collate "C",
    outcome_on text collate "C",
    onboarded_on text collate "C",
    real_employer_id uuid,
    real_region_code text collate "C",
    evidence text collate "C",
    certain boolean not null,
    late boolean not null,
    disputed boolean not null,
    holds_place boolean not null,
    ended_on text collate "C",
    end_reason text collate "C",
    version bigint not null,
    -- When each step was recorded, which is not the day on which it happened.
    enrolled_at bigint not null,
    cancelled_at bigint,
    enrolled_again_at bigint,
    departure_recorded_at bigint,
    constraint placement_pkey primary key (agreement_id, id),
    constraint placement_dispatch_fkey foreign key (agreement_id, dispatch_id) references dispatch (agreement_id, id),
    constraint placement_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id),
    constraint placement_worker_fkey foreign key (origin_id, worker_id) references worker (party_id, id),
    constraint placement_state_known check (state in ('enrolled', 'departed', 'onboarded', 'no_show', 'refused_by_employer', 'refused_by_worker', 'diverted', 'ended', 'cancelled')),
    constraint placement_group_known check (group_code in ('lifted', 'unstable_lifted', 'marginal', 'sudden_hardship', 'ordinary')),
    constraint placement_scope_known check (scope in ('outside_province', 'outside_prefecture', 'inside_prefecture', 'inside_county')),
    constraint placement_departed_when check ((state in ('enrolled', 'cancelled')) = (departed_on is null)),
    constraint placement_outcome_when check ((state in ('enrolled', 'cancelled', 'departed')) = (outcome_on is null)),
    constraint placement_onboarded_when check (state in ('onboarded', 'ended', 'diverted') or onboarded_on is null),
    constraint placement_ended_when check ((state = 'ended') = (ended_on is not null)),
    constraint placement_end_reason_when check ((ended_on is null) = (end_reason is null)),
    constraint placement_evidence_known check (evidence is null or evidence in ('e0', 'e1', 'e2', 'e3', 'e4', 'e5')),
    constraint placement_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint placement_departure_recorded_when check ((departed_on is null) = (departure_recorded_at is null)),
    constraint placement_cancelled_when check (state <> 'cancelled' or cancelled_at is not null),
    constraint placement_version_positive check (version > 0)
);
create unique index placement_worker_once on placement (agreement_id, dispatch_id, worker_id);
create index placement_worker_index on placement (origin_id, worker_id);
create index placement_quota_index on placement (agreement_id, quota_id);
create index placement_employer_index on placement (employer_id, agreement_id, id);
create index placement_due_index on placement (agreement_id, arrival_due_on) where state = 'departed';
create index placement_reference_index on placement (agreement_id, partner_ref) where partner_ref is not null;
create index placement_real_employer_index on placement (real_employer_id, agreement_id) where real_employer_id is not null;

-- One open placement per person in the whole exchange, keyed by what no tenant can read. Persons are numbered as they are registered,
-- so that a roster writes one place of this table and not a thousand.
create table open_placement (
    person_id uuid not null,
    placement_id uuid not null,
    dispatch_id uuid not null,
    agreement_id uuid not null,
    holds_until bigint,
    constraint open_placement_pkey primary key (person_id)
);
create index open_placement_dispatch_index on open_placement (dispatch_id);

-- Rows that the other side sent back for correction, as they were.
create table roster_return (
    agreement_id uuid not null,
    id uuid not null,
    placement_id uuid not null,
    quota_id uuid not null,
    cohort_id uuid,
    returned_by uuid not null,
    reason text collate "C" not null,
    returned_at bigint not null,
    constraint roster_return_pkey primary key (agreement_id, id),
    constraint roster_return_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint roster_return_returned_by_fkey foreign key (returned_by) references party (id),
    constraint roster_return_reason_length check (length(reason) between 1 and 500)
);
create index roster_return_placement_index on roster_return (agreement_id, placement_id);
create index roster_return_party_index on roster_return (returned_by);

-- What was sent back, and why, stands; the correction is in the placement.
create trigger roster_return_append_only_update before update on roster_return
    for each row execute function refuse_change();
create trigger roster_return_append_only_delete before delete on roster_return
    for each row execute function refuse_change();
create trigger roster_return_append_only_truncate before truncate on roster_return
    for each statement execute function refuse_change();
