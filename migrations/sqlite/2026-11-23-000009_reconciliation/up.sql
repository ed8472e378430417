create table reconciliation_run (
    agreement_id blob not null,
    id blob not null,
    -- The run that examined every row and began the series, and the place of this run in it, from 0.
    series_id blob not null,
    step integer not null,
    cut_off_on text not null,
    state text not null,
    row_count integer not null,
    examined_rows integer not null,
    rows_hash blob,
    -- What the next run of the series goes on from.
    carried text,
    row_sum blob,
    counts text not null,
    requested_by blob not null,
    started_at integer not null,
    finished_at integer,
    constraint reconciliation_run_pkey primary key (agreement_id, id),
    constraint reconciliation_run_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint reconciliation_run_requested_by_fkey foreign key (requested_by) references party (id),
    constraint reconciliation_run_state_known check (state = 'running' or state = 'done' or state = 'failed'),
    constraint reconciliation_run_series_fkey foreign key (agreement_id, series_id) references reconciliation_run (agreement_id, id),
    constraint reconciliation_run_series_begun check ((step = 0) = (series_id = id)),
    constraint reconciliation_run_step_sign check (step >= 0),
    constraint reconciliation_run_done_when check ((state = 'done') = (rows_hash is not null)),
    constraint reconciliation_run_carried_when check (rows_hash is null or (carried is not null and row_sum is not null))
) strict, without rowid;
create unique index reconciliation_run_step_unique on reconciliation_run (agreement_id, series_id, step);
create index reconciliation_run_requester_index on reconciliation_run (requested_by);

-- A row stands from the step in which it was found so until the step in which it was found otherwise. What did not change between two runs
-- is there once.
create table reconciliation_row (
    agreement_id blob not null,
    series_id blob not null,
    subject_id blob not null,
    since_step integer not null,
    until_step integer,
    situation text not null,
    placement_id blob,
    claim_id blob,
    tier text,
    detail text not null,
    announced integer not null,
    confirmed integer not null,
    arrival_quota_id blob,
    row_hash blob not null,
    constraint reconciliation_row_pkey primary key (agreement_id, series_id, subject_id, since_step),
    constraint reconciliation_row_about_something check (placement_id is not null or claim_id is not null),
    constraint reconciliation_row_steps_ordered check (until_step is null or until_step > since_step)
) strict, without rowid;
-- Most rows agree and are in order; the others are looked for.
create index reconciliation_row_situation_index on reconciliation_row (agreement_id, series_id, situation, subject_id) where situation <> 'matched';
create index reconciliation_row_since_index on reconciliation_row (agreement_id, series_id, since_step) where since_step > 0;
create index reconciliation_row_until_index on reconciliation_row (agreement_id, series_id, until_step) where until_step is not null;

-- One run at a time for each agreement, also when two are asked for at once.
create unique index reconciliation_run_one_running on reconciliation_run (agreement_id) where state = 'running';

-- Matching goes through the claims that no placement is named in.
create index claim_unplaced_index on claim (agreement_id, id) where placement_id is null;

-- A run that continues another reads what was recorded since.
create index claim_recorded_index on claim (agreement_id, recorded_at);
create index observation_recorded_index on observation (agreement_id, recorded_at);
create index exit_entry_recorded_index on exit_entry (agreement_id, recorded_at);
create index worker_changed_index on worker (party_id, updated_at) where version > 1;
