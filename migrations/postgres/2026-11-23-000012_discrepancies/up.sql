-- A row on which the two sides do not agree, followed through all runs. What happened to it lies in its entries.
create table discrepancy (
    agreement_id uuid not null,
    id uuid not null,
    subject_id uuid not null,
    placement_id uuid,
    claim_id uuid,
    reported_by uuid not null,
    code text collate "C" not null,
    situation text collate "C" not null,
    owner text collate "C" not null,
    detail text collate "C" not null,
    facts bytea not null,
    state text collate "C" not null,
    due_on text collate "C" not null,
    outcome text collate "C",
    version bigint not null,
    opened_at bigint not null,
    updated_at bigint not null,
    constraint discrepancy_pkey primary key (agreement_id, id),
    constraint discrepancy_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint discrepancy_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint discrepancy_claim_fkey foreign key (agreement_id, claim_id) references claim (agreement_id, id),
    constraint discrepancy_reported_by_fkey foreign key (reported_by) references party (id),
    constraint discrepancy_state_known check (state in ('open', 'asked', 'answered', 'resolved', 'cleared')),
    constraint discrepancy_outcome_known check (outcome is null or outcome in ('origin_right', 'destination_right', 'both_wrong', 'void')),
    constraint discrepancy_outcome_when check (outcome is null or state = 'resolved'),
    constraint discrepancy_about_something check (placement_id is not null or claim_id is not null),
    constraint discrepancy_facts_length check (length(facts) = 32),
    constraint discrepancy_version_positive check (version > 0)
);
create unique index discrepancy_subject_unique on discrepancy (agreement_id, subject_id);
create index discrepancy_placement_index on discrepancy (agreement_id, placement_id);
create index discrepancy_claim_index on discrepancy (agreement_id, claim_id);
create index discrepancy_state_index on discrepancy (agreement_id, state, id);
create index discrepancy_reporter_index on discrepancy (reported_by);

-- One word over many discrepancies at once; above a size a second person of the same party confirms it.
create table discrepancy_resolution (
    agreement_id uuid not null,
    id uuid not null,
    outcome text collate "C" not null,
    reason text collate "C" not null,
    state text collate "C" not null,
    row_count bigint not null,
    party_id uuid not null,
    client_id uuid not null,
    confirmed_by uuid,
    made_at bigint not null,
    confirmed_at bigint,
    constraint discrepancy_resolution_pkey primary key (agreement_id, id),
    constraint discrepancy_resolution_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint discrepancy_resolution_party_fkey foreign key (party_id) references party (id),
    constraint discrepancy_resolution_outcome_known check (outcome in ('origin_right', 'destination_right', 'both_wrong', 'void')),
    constraint discrepancy_resolution_state_known check (state in ('proposed', 'in_effect')),
    constraint discrepancy_resolution_confirmed_when check ((confirmed_by is null) = (confirmed_at is null)),
    constraint discrepancy_resolution_two_persons check (confirmed_by is null or confirmed_by <> client_id),
    constraint discrepancy_resolution_reason_length check (length(reason) between 1 and 500)
);
create index discrepancy_resolution_party_index on discrepancy_resolution (party_id);

-- Everything that happened to a discrepancy; an undo is one more entry.
create table discrepancy_entry (
    agreement_id uuid not null,
    id uuid not null,
    discrepancy_id uuid not null,
    kind text collate "C" not null,
    state text collate "C" not null,
    due_on text collate "C" not null,
    outcome text collate "C",
    words text collate "C",
    party_id uuid not null,
    client_id uuid not null,
    run_id uuid,
    resolution_id uuid,
    placement_id uuid,
    forced boolean not null,
    undoes uuid,
    recorded_at bigint not null,
    constraint discrepancy_entry_pkey primary key (agreement_id, id),
    constraint discrepancy_entry_discrepancy_fkey foreign key (agreement_id, discrepancy_id) references discrepancy (agreement_id, id),
    constraint discrepancy_entry_run_fkey foreign key (agreement_id, run_id) references reconciliation_run (agreement_id, id),
    constraint discrepancy_entry_resolution_fkey foreign key (agreement_id, resolution_id) references discrepancy_resolution (agreement_id, id),
    constraint discrepancy_entry_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint discrepancy_entry_party_fkey foreign key (party_id) references party (id),
    constraint discrepancy_entry_kind_known check (kind in ('opened', 'changed', 'reopened', 'cleared', 'asked', 'answered', 'proposed', 'resolved', 'matched', 'undone')),
    constraint discrepancy_entry_state_known check (state in ('open', 'asked', 'answered', 'resolved', 'cleared')),
    constraint discrepancy_entry_undoes_when check ((kind = 'undone') = (undoes is not null)),
    constraint discrepancy_entry_words_length check (words is null or length(words) between 1 and 500)
);
create index discrepancy_entry_discrepancy_index on discrepancy_entry (agreement_id, discrepancy_id, id);
create index discrepancy_entry_run_index on discrepancy_entry (agreement_id, run_id);
create index discrepancy_entry_resolution_index on discrepancy_entry (agreement_id, resolution_id);
create index discrepancy_entry_placement_index on discrepancy_entry (agreement_id, placement_id);
create index discrepancy_entry_party_index on discrepancy_entry (party_id);

-- An answer that a party owes, and how it was given.
create table discrepancy_duty (
    agreement_id uuid not null,
    id uuid not null,
    discrepancy_id uuid not null,
    party_id uuid not null,
    due_on text collate "C" not null,
    opened_by uuid not null,
    opened_at bigint not null,
    closed_by uuid,
    closed_at bigint,
    closing text collate "C",
    constraint discrepancy_duty_pkey primary key (agreement_id, id),
    constraint discrepancy_duty_discrepancy_fkey foreign key (agreement_id, discrepancy_id) references discrepancy (agreement_id, id),
    constraint discrepancy_duty_party_fkey foreign key (party_id) references party (id),
    constraint discrepancy_duty_closing_known check (closing is null or closing in ('in_time', 'late', 'missed', 'lifted')),
    constraint discrepancy_duty_closed_when check ((closed_at is null) = (closing is null))
);
create index discrepancy_duty_discrepancy_index on discrepancy_duty (agreement_id, discrepancy_id);
create index discrepancy_duty_party_index on discrepancy_duty (party_id);

-- The placement that a person found for a claim which names none. The claim stays as it was sent.
create table claim_match (
    agreement_id uuid not null,
    id uuid not null,
    claim_id uuid not null,
    placement_id uuid not null,
    discrepancy_id uuid not null,
    entry_id uuid not null,
    forced boolean not null,
    matched_by uuid not null,
    recorded_at bigint not null,
    undone_at bigint,
    constraint claim_match_pkey primary key (agreement_id, id),
    constraint claim_match_claim_fkey foreign key (agreement_id, claim_id) references claim (agreement_id, id),
    constraint claim_match_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint claim_match_discrepancy_fkey foreign key (agreement_id, discrepancy_id) references discrepancy (agreement_id, id),
    constraint claim_match_party_fkey foreign key (matched_by) references party (id)
);
create unique index claim_match_one_standing on claim_match (agreement_id, claim_id) where undone_at is null;
create index claim_match_claim_index on claim_match (agreement_id, claim_id);
create index claim_match_placement_index on claim_match (agreement_id, placement_id);
create index claim_match_discrepancy_index on claim_match (agreement_id, discrepancy_id);
create index claim_match_party_index on claim_match (matched_by);

-- What happened stands; of a match only that it was undone is added later.
create trigger discrepancy_entry_append_only_update before update on discrepancy_entry
    for each row execute function refuse_change();
create trigger discrepancy_entry_append_only_delete before delete on discrepancy_entry
    for each row execute function refuse_change();
create trigger discrepancy_entry_append_only_truncate before truncate on discrepancy_entry
    for each statement execute function refuse_change();
create trigger claim_match_append_only_update before update of agreement_id, id, claim_id, placement_id, discrepancy_id, entry_id, forced, matched_by, recorded_at on claim_match
    for each row execute function refuse_change();
create trigger claim_match_append_only_delete before delete on claim_match
    for each row execute function refuse_change();
create trigger claim_match_append_only_truncate before truncate on claim_match
    for each statement execute function refuse_change();
