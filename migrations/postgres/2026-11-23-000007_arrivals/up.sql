-- What a party says happened to a placement. Later claims of one claimant replace earlier ones in effect, never in history.
create table claim (
    agreement_id uuid not null,
    id uuid not null,
    placement_id uuid,
    claimant_id uuid not null,
    claimant_role text collate "C" not null,
    client_ref text collate "C",
    outcome text collate "C" not null,
    happened_on text collate "C" not null,
    employer_id uuid,
    region_code text collate "C",
    evidence text collate "C" not null,
    late boolean not null,
    exchange_index bytea,
    name_index bytea,
    name_sealed bytea,
    content_hash bytea not null,
    replaced_by uuid,
    recorded_at bigint not null,
    constraint claim_pkey primary key (agreement_id, id),
    constraint claim_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint claim_claimant_fkey foreign key (claimant_id) references party (id),
    constraint claim_employer_fkey foreign key (employer_id) references party (id),
    constraint claim_role_known check (claimant_role in ('origin', 'destination', 'employer', 'station')),
    constraint claim_outcome_known check (outcome in ('onboarded', 'no_show', 'refused_by_employer', 'refused_by_worker', 'diverted')),
    constraint claim_evidence_known check (evidence in ('e0', 'e1', 'e2', 'e3', 'e4', 'e5')),
    constraint claim_about_somebody check (placement_id is not null or (exchange_index is not null and name_index is not null and name_sealed is not null)),
    constraint claim_client_ref_length check (client_ref is null or length(client_ref) between 1 and 100)
);
create unique index claim_client_ref_unique on claim (claimant_id, client_ref);
create index claim_placement_index on claim (agreement_id, placement_id);
create index claim_employer_index on claim (employer_id);
create index claim_unannounced_index on claim (agreement_id, exchange_index) where placement_id is null;

create table dispute (
    agreement_id uuid not null,
    id uuid not null,
    placement_id uuid not null,
    raised_by uuid not null,
    reason text collate "C" not null,
    state text collate "C" not null,
    raised_at bigint not null,
    withdrawn_at bigint,
    constraint dispute_pkey primary key (agreement_id, id),
    constraint dispute_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint dispute_raised_by_fkey foreign key (raised_by) references party (id),
    constraint dispute_state_known check (state in ('open', 'withdrawn')),
    constraint dispute_withdrawn_when check ((state = 'withdrawn') = (withdrawn_at is not null)),
    constraint dispute_reason_length check (length(reason) between 1 and 500)
);
create index dispute_placement_index on dispute (agreement_id, placement_id);
create index dispute_party_index on dispute (raised_by);

-- What was claimed stays; a later claim of the same claimant only marks it as replaced.
create trigger claim_append_only_update before update of agreement_id, id, placement_id, claimant_id, claimant_role, client_ref, outcome, happened_on, employer_id, region_code,
    evidence, late, exchange_index, name_index, name_sealed, content_hash, recorded_at on claim
    for each row execute function refuse_change();
create trigger claim_append_only_delete before delete on claim
    for each row execute function refuse_change();
create trigger claim_append_only_truncate before truncate on claim
    for each statement execute function refuse_change();
