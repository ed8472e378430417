create table reconciliation_run (
    agreement_id uuid not null,
    id uuid not null,
    -- The run that examined every row and began the series, and the place of this run in it, from 0.
    series_id uuid not null,
    step bigint not null,
    cut_off_on text collate "C" not null,
    state text collate "C" not null,
    row_count bigint not null,
    examined_rows bigint not null,
    rows_hash bytea,
    -- What the next run of the series goes on from.
    carried text collate "C",
    row_sum bytea,
    counts text collate "C" not null,
    requested_by uuid not null,
    started_at bigint not null,
    finished_at bigint,
    constraint reconciliation_run_pkey primary key (agreement_id, id),
    constraint reconciliation_run_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint reconciliation_run_requested_by_fkey foreign key (requested_by) references party (id),
    constraint reconciliation_run_state_known check (state in ('running', 'done', 'failed')),
    constraint reconciliation_run_series_fkey foreign key (agreement_id, series_id) references reconciliation_run (agreement_id, id),
    constraint reconciliation_run_series_begun check ((step = 0) = (series_id = id)),
    constraint reconciliation_run_step_sign check (step >= 0),
    constraint reconciliation_run_done_when check ((state = 'done') = (rows_hash is not null)),
    constraint reconciliation_run_carried_when check (rows_hash is null or (carried is not null and row_sum is not null))
);
create unique index reconciliation_run_step_unique on reconciliation_run (agreement_id, series_id, step);
create index reconciliation_run_requester_index on reconciliation_run (requested_by);

-- A row stands from the step in which it was found so until the step in which it was found otherwise. What did not change between two runs
-- is there once.
create table reconciliation_row (
    agreement_id uuid not null,
    series_id uuid not null,
    subject_id uuid not null,
    since_step bigint not null,
    until_step bigint,
    situation text collate "C" not null,
    placement_id uuid,
    claim_id uuid,
    tier text collate "C",
    detail text collate "C" not null,
    announced boolean not null,
    confirmed boolean not null,
    arrival_quota_id uuid,
    row_hash bytea not null,
    constraint reconciliation_row_pkey primary key (agreement_id, series_id, subject_id, since_step),
    constraint reconciliation_row_about_something check (placement_id is not null or claim_id is not null),
    constraint reconciliation_row_steps_ordered check (until_step is null or until_step > since_step)
);
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
