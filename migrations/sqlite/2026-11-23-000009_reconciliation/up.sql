create table reconciliation_run (
    agreement_id blob not null,
    id blob not null,
    cut_off_on text not null,
    state text not null,
    row_count integer not null,
    rows_hash blob,
    counts text not null,
    requested_by blob not null,
    started_at integer not null,
    finished_at integer,
    constraint reconciliation_run_pkey primary key (agreement_id, id),
    constraint reconciliation_run_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint reconciliation_run_requested_by_fkey foreign key (requested_by) references party (id),
    constraint reconciliation_run_state_known check (state = 'running' or state = 'done' or state = 'failed'),
    constraint reconciliation_run_done_when check ((state = 'done') = (rows_hash is not null))
) strict, without rowid;
create index reconciliation_run_requester_index on reconciliation_run (requested_by);

create table reconciliation_row (
    agreement_id blob not null,
    run_id blob not null,
    ordinal integer not null,
    situation text not null,
    placement_id blob,
    claim_id blob,
    tier text,
    detail text not null,
    constraint reconciliation_row_pkey primary key (agreement_id, run_id, ordinal),
    constraint reconciliation_row_run_fkey foreign key (agreement_id, run_id) references reconciliation_run (agreement_id, id),
    constraint reconciliation_row_about_something check (placement_id is not null or claim_id is not null)
) strict, without rowid;
create index reconciliation_row_situation_index on reconciliation_row (agreement_id, run_id, situation, ordinal);

-- One run at a time for each agreement, also when two are asked for at once.
create unique index reconciliation_run_one_running on reconciliation_run (agreement_id) where state = 'running';

-- Matching goes through the claims that no placement is named in.
create index claim_unplaced_index on claim (agreement_id, id) where placement_id is null;
