-- What a party says happened to a placement. Later claims of one claimant replace earlier ones in effect, never in history.
create table claim (
    agreement_id blob not null,
    id blob not null,
    placement_id blob,
    claimant_id blob not null,
    claimant_role text not null,
    client_ref text,
    outcome text not null,
    happened_on text not null,
    employer_id blob,
    region_code text,
    evidence text not null,
    late integer not null,
    exchange_index blob,
    name_index blob,
    name_sealed blob,
    content_hash blob not null,
    replaced_by blob,
    recorded_at integer not null,
    constraint claim_pkey primary key (agreement_id, id),
    constraint claim_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint claim_claimant_fkey foreign key (claimant_id) references party (id),
    constraint claim_employer_fkey foreign key (employer_id) references party (id),
    constraint claim_role_known check (claimant_role = 'origin' or claimant_role = 'destination' or claimant_role = 'employer' or claimant_role = 'station'),
    constraint claim_outcome_known check (outcome = 'onboarded' or outcome = 'no_show' or outcome = 'refused_by_employer' or outcome = 'refused_by_worker' or outcome = 'diverted'),
    constraint claim_evidence_known check (evidence = 'e0' or evidence = 'e1' or evidence = 'e2' or evidence = 'e3' or evidence = 'e4' or evidence = 'e5'),
    constraint claim_about_somebody check (placement_id is not null or (exchange_index is not null and name_index is not null and name_sealed is not null)),
    constraint claim_client_ref_length check (client_ref is null or length(client_ref) between 1 and 100)
) strict, without rowid;
create unique index claim_client_ref_unique on claim (claimant_id, client_ref);
create index claim_placement_index on claim (agreement_id, placement_id);
create index claim_employer_index on claim (employer_id);
create index claim_unannounced_index on claim (agreement_id, exchange_index) where placement_id is null;

create table dispute (
    agreement_id blob not null,
    id blob not null,
    placement_id blob not null,
    raised_by blob not null,
    reason text not null,
    state text not null,
    raised_at integer not null,
    withdrawn_at integer,
    constraint dispute_pkey primary key (agreement_id, id),
    constraint dispute_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint dispute_raised_by_fkey foreign key (raised_by) references party (id),
    constraint dispute_state_known check (state = 'open' or state = 'withdrawn'),
    constraint dispute_withdrawn_when check ((state = 'withdrawn') = (withdrawn_at is not null)),
    constraint dispute_reason_length check (length(reason) between 1 and 500)
) strict, without rowid;
create index dispute_placement_index on dispute (agreement_id, placement_id);
create index dispute_party_index on dispute (raised_by);

-- What was claimed stays; a later claim of the same claimant only marks it as replaced.
create trigger claim_append_only_update before update of agreement_id, id, placement_id, claimant_id, claimant_role, client_ref, outcome, happened_on, employer_id, region_code,
    evidence, late, exchange_index, name_index, name_sealed, content_hash, recorded_at on claim
begin
    select raise(abort, 'claim is append-only');
end;
create trigger claim_append_only_delete before delete on claim
begin
    select raise(abort, 'claim is append-only');
end;
