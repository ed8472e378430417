-- A row on which the two sides do not agree, followed through all runs. What happened to it lies in its entries.
create table discrepancy (
    agreement_id blob not null,
    id blob not null,
    subject_id blob not null,
    placement_id blob,
    claim_id blob,
    reported_by blob not null,
    code text not null,
    situation text not null,
    owner text not null,
    detail text not null,
    facts blob not null,
    state text not null,
    due_on text not null,
    outcome text,
    version integer not null,
    opened_at integer not null,
    updated_at integer not null,
    constraint discrepancy_pkey primary key (agreement_id, id),
    constraint discrepancy_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint discrepancy_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint discrepancy_claim_fkey foreign key (agreement_id, claim_id) references claim (agreement_id, id),
    constraint discrepancy_reported_by_fkey foreign key (reported_by) references party (id),
    constraint discrepancy_state_known check (state = 'open' or state = 'asked' or state = 'answered' or state = 'resolved' or state = 'cleared'),
    constraint discrepancy_outcome_known check (outcome is null or outcome = 'origin_right' or outcome = 'destination_right' or outcome = 'both_wrong' or outcome = 'void'),
    constraint discrepancy_outcome_when check (outcome is null or state = 'resolved'),
    constraint discrepancy_about_something check (placement_id is not null or claim_id is not null),
    constraint discrepancy_facts_length check (length(facts) = 32),
    constraint discrepancy_version_positive check (version > 0)
) strict, without rowid;
create unique index discrepancy_subject_unique on discrepancy (agreement_id, subject_id);
create index discrepancy_placement_index on discrepancy (agreement_id, placement_id);
create index discrepancy_claim_index on discrepancy (agreement_id, claim_id);
create index discrepancy_state_index on discrepancy (agreement_id, state, id);
create index discrepancy_reporter_index on discrepancy (reported_by);

-- One word over many discrepancies at once; above a size a second person of the same party confirms it.
create table discrepancy_resolution (
    agreement_id blob not null,
    id blob not null,
    outcome text not null,
    reason text not null,
    state text not null,
    row_count integer not null,
    party_id blob not null,
    client_id blob not null,
    confirmed_by blob,
    made_at integer not null,
    confirmed_at integer,
    constraint discrepancy_resolution_pkey primary key (agreement_id, id),
    constraint discrepancy_resolution_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint discrepancy_resolution_party_fkey foreign key (party_id) references party (id),
    constraint discrepancy_resolution_outcome_known check (outcome = 'origin_right' or outcome = 'destination_right' or outcome = 'both_wrong' or outcome = 'void'),
    constraint discrepancy_resolution_state_known check (state = 'proposed' or state = 'in_effect'),
    constraint discrepancy_resolution_confirmed_when check ((confirmed_by is null) = (confirmed_at is null)),
    constraint discrepancy_resolution_two_persons check (confirmed_by is null or confirmed_by <> client_id),
    constraint discrepancy_resolution_reason_length check (length(reason) between 1 and 500)
) strict, without rowid;
create index discrepancy_resolution_party_index on discrepancy_resolution (party_id);

-- Everything that happened to a discrepancy; an undo is one more entry.
create table discrepancy_entry (
    agreement_id blob not null,
    id blob not null,
    discrepancy_id blob not null,
    kind text not null,
    state text not null,
    due_on text not null,
    outcome text,
    words text,
    party_id blob not null,
    client_id blob not null,
    run_id blob,
    resolution_id blob,
    placement_id blob,
    forced integer not null,
    undoes blob,
    recorded_at integer not null,
    constraint discrepancy_entry_pkey primary key (agreement_id, id),
    constraint discrepancy_entry_discrepancy_fkey foreign key (agreement_id, discrepancy_id) references discrepancy (agreement_id, id),
    constraint discrepancy_entry_run_fkey foreign key (agreement_id, run_id) references reconciliation_run (agreement_id, id),
    constraint discrepancy_entry_resolution_fkey foreign key (agreement_id, resolution_id) references discrepancy_resolution (agreement_id, id),
    constraint discrepancy_entry_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint discrepancy_entry_party_fkey foreign key (party_id) references party (id),
    constraint discrepancy_entry_kind_known check (kind = 'opened' or kind = 'changed' or kind = 'reopened' or kind = 'cleared' or kind = 'asked' or kind = 'answered' or kind = 'proposed' or kind = 'resolved' or kind = 'matched' or kind = 'undone'),
    constraint discrepancy_entry_state_known check (state = 'open' or state = 'asked' or state = 'answered' or state = 'resolved' or state = 'cleared'),
    constraint discrepancy_entry_undoes_when check ((kind = 'undone') = (undoes is not null)),
    constraint discrepancy_entry_words_length check (words is null or length(words) between 1 and 500)
) strict, without rowid;
create index discrepancy_entry_discrepancy_index on discrepancy_entry (agreement_id, discrepancy_id, id);
create index discrepancy_entry_run_index on discrepancy_entry (agreement_id, run_id);
create index discrepancy_entry_resolution_index on discrepancy_entry (agreement_id, resolution_id);
create index discrepancy_entry_placement_index on discrepancy_entry (agreement_id, placement_id);
create index discrepancy_entry_party_index on discrepancy_entry (party_id);

-- An answer that a party owes, and how it was given.
create table discrepancy_duty (
    agreement_id blob not null,
    id blob not null,
    discrepancy_id blob not null,
    party_id blob not null,
    due_on text not null,
    opened_by blob not null,
    opened_at integer not null,
    closed_by blob,
    closed_at integer,
    closing text,
    constraint discrepancy_duty_pkey primary key (agreement_id, id),
    constraint discrepancy_duty_discrepancy_fkey foreign key (agreement_id, discrepancy_id) references discrepancy (agreement_id, id),
    constraint discrepancy_duty_party_fkey foreign key (party_id) references party (id),
    constraint discrepancy_duty_closing_known check (closing is null or closing = 'in_time' or closing = 'late' or closing = 'missed' or closing = 'lifted'),
    constraint discrepancy_duty_closed_when check ((closed_at is null) = (closing is null))
) strict, without rowid;
create index discrepancy_duty_discrepancy_index on discrepancy_duty (agreement_id, discrepancy_id);
create index discrepancy_duty_party_index on discrepancy_duty (party_id);

-- The placement that a person found for a claim which names none. The claim stays as it was sent.
create table claim_match (
    agreement_id blob not null,
    id blob not null,
    claim_id blob not null,
    placement_id blob not null,
    discrepancy_id blob not null,
    entry_id blob not null,
    forced integer not null,
    matched_by blob not null,
    recorded_at integer not null,
    undone_at integer,
    constraint claim_match_pkey primary key (agreement_id, id),
    constraint claim_match_claim_fkey foreign key (agreement_id, claim_id) references claim (agreement_id, id),
    constraint claim_match_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint claim_match_discrepancy_fkey foreign key (agreement_id, discrepancy_id) references discrepancy (agreement_id, id),
    constraint claim_match_party_fkey foreign key (matched_by) references party (id)
) strict, without rowid;
create unique index claim_match_one_standing on claim_match (agreement_id, claim_id) where undone_at is null;
create index claim_match_claim_index on claim_match (agreement_id, claim_id);
create index claim_match_placement_index on claim_match (agreement_id, placement_id);
create index claim_match_discrepancy_index on claim_match (agreement_id, discrepancy_id);
create index claim_match_party_index on claim_match (matched_by);

-- What happened stands; of a match only that it was undone is added later.
create trigger discrepancy_entry_append_only_update before update on discrepancy_entry
begin
    select raise(abort, 'discrepancy_entry is append-only');
end;
create trigger discrepancy_entry_append_only_delete before delete on discrepancy_entry
begin
    select raise(abort, 'discrepancy_entry is append-only');
end;
create trigger claim_match_append_only_update before update of agreement_id, id, claim_id, placement_id, discrepancy_id, entry_id, forced, matched_by, recorded_at on claim_match
begin
    select raise(abort, 'claim_match is append-only');
end;
create trigger claim_match_append_only_delete before delete on claim_match
begin
    select raise(abort, 'claim_match is append-only');
end;
