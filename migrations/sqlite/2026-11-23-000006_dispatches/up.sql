create table dispatch (
    agreement_id blob not null,
    id blob not null,
    origin_id blob not null,
    plan_year integer not null,
    title text not null,
    mode text not null,
    vehicle text,
    leader_sealed blob,
    leader_phone_sealed blob,
    legal_basis text not null,
    consent_recorded integer not null,
    planned_departure_on text not null,
    planned_arrival_on text not null,
    holds_until integer not null,
    departed_on text,
    state text not null,
    placements integer not null,
    partner_ref text,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint dispatch_pkey primary key (agreement_id, id),
    constraint dispatch_origin_fkey foreign key (agreement_id, origin_id) references agreement_party (agreement_id, party_id),
    constraint dispatch_mode_known check (mode = 'point_to_point' or mode = 'self_arranged' or mode = 'agency' or mode = 'broker'),
    constraint dispatch_state_known check (state = 'draft' or state = 'locked' or state = 'departed' or state = 'closed' or state = 'cancelled'),
    constraint dispatch_departed_when check ((state = 'departed' or state = 'closed') = (departed_on is not null)),
    constraint dispatch_days_ordered check (planned_arrival_on >= planned_departure_on),
    constraint dispatch_title_length check (length(title) between 1 and 200),
    constraint dispatch_placements_sign check (placements >= 0),
    constraint dispatch_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint dispatch_version_positive check (version > 0)
) strict, without rowid;
create unique index dispatch_id_unique on dispatch (id);
create unique index dispatch_partner_ref_unique on dispatch (origin_id, partner_ref);
create index dispatch_origin_index on dispatch (agreement_id, origin_id);

create table placement (
    agreement_id blob not null,
    id blob not null,
    dispatch_id blob not null,
    quota_id blob not null,
    cohort_id blob,
    worker_id blob not null,
    origin_id blob not null,
    destination_id blob not null,
    employer_id blob not null,
    plan_year integer not null,
    partner_ref text,
    group_code text not null,
    scope text not null,
    arrival_due_on text not null,
    state text not null,
    departed_on text,
    outcome_on text,
    onboarded_on text,
    real_employer_id blob,
    real_region_code text,
    evidence text,
    certain integer not null,
    late integer not null,
    disputed integer not null,
    holds_place integer not null,
    ended_on text,
    end_reason text,
    version integer not null,
    -- When each step was recorded, which is not the day on which it happened.
    enrolled_at integer not null,
    cancelled_at integer,
    enrolled_again_at integer,
    departure_recorded_at integer,
    constraint placement_pkey primary key (agreement_id, id),
    constraint placement_dispatch_fkey foreign key (agreement_id, dispatch_id) references dispatch (agreement_id, id),
    constraint placement_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id),
    constraint placement_worker_fkey foreign key (origin_id, worker_id) references worker (party_id, id),
    constraint placement_state_known check (state = 'enrolled' or state = 'departed' or state = 'onboarded' or state = 'no_show' or state = 'refused_by_employer' or state = 'refused_by_worker' or state = 'diverted' or state = 'ended' or state = 'cancelled'),
    constraint placement_group_known check (group_code = 'ordinary' or group_code = 'lifted' or group_code = 'unstable_lifted' or group_code = 'marginal' or group_code = 'sudden_hardship'),
    constraint placement_scope_known check (scope = 'outside_province' or scope = 'outside_prefecture' or scope = 'inside_prefecture' or scope = 'inside_county'),
    constraint placement_departed_when check ((state = 'enrolled' or state = 'cancelled') = (departed_on is null)),
    constraint placement_outcome_when check ((state = 'enrolled' or state = 'cancelled' or state = 'departed') = (outcome_on is null)),
    constraint placement_onboarded_when check ((state = 'onboarded' or state = 'ended' or state = 'diverted') or onboarded_on is null),
    constraint placement_ended_when check ((state = 'ended') = (ended_on is not null)),
    constraint placement_end_reason_when check ((ended_on is null) = (end_reason is null)),
    constraint placement_evidence_known check (evidence is null or (evidence = 'e0' or evidence = 'e1' or evidence = 'e2' or evidence = 'e3' or evidence = 'e4' or evidence = 'e5')),
    constraint placement_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint placement_departure_recorded_when check ((departed_on is null) = (departure_recorded_at is null)),
    constraint placement_cancelled_when check (state <> 'cancelled' or cancelled_at is not null),
    constraint placement_version_positive check (version > 0)
) strict, without rowid;
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
    person_id blob not null,
    placement_id blob not null,
    dispatch_id blob not null,
    agreement_id blob not null,
    holds_until integer,
    constraint open_placement_pkey primary key (person_id)
) strict, without rowid;
create index open_placement_dispatch_index on open_placement (dispatch_id);

-- Rows that the other side sent back for correction, as they were.
create table roster_return (
    agreement_id blob not null,
    id blob not null,
    placement_id blob not null,
    quota_id blob not null,
    cohort_id blob,
    returned_by blob not null,
    reason text not null,
    returned_at integer not null,
    constraint roster_return_pkey primary key (agreement_id, id),
    constraint roster_return_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint roster_return_returned_by_fkey foreign key (returned_by) references party (id),
    constraint roster_return_reason_length check (length(reason) between 1 and 500)
) strict, without rowid;
create index roster_return_placement_index on roster_return (agreement_id, placement_id);
create index roster_return_party_index on roster_return (returned_by);

-- What was sent back, and why, stands; the correction is in the placement.
create trigger roster_return_append_only_update before update on roster_return
begin
    select raise(abort, 'roster_return is append-only');
end;
create trigger roster_return_append_only_delete before delete on roster_return
begin
    select raise(abort, 'roster_return is append-only');
end;
