-- Work that takes longer than an answer may: carried out step by step, each step one transaction with the cursor beside what it did.
create table job (
    id uuid not null,
    party_id uuid not null,
    client_id uuid not null,
    request_id uuid,
    kind text collate "C" not null,
    state text collate "C" not null,
    about text collate "C" not null,
    form text collate "C" not null,
    language text collate "C" not null,
    warnings text collate "C" not null,
    row_count bigint not null,
    processed_rows bigint not null,
    accepted_rows bigint not null,
    unchanged_rows bigint not null,
    rejected_rows bigint not null,
    part_count bigint not null,
    parts_done bigint not null,
    error text collate "C",
    lease uuid,
    leased_until bigint,
    version bigint not null,
    created_at bigint not null,
    started_at bigint,
    finished_at bigint,
    updated_at bigint not null,
    constraint job_pkey primary key (id),
    constraint job_party_fkey foreign key (party_id) references party (id),
    constraint job_client_fkey foreign key (client_id) references client (id),
    constraint job_state_known check (state in ('receiving', 'queued', 'running', 'succeeded', 'failed', 'cancelled')),
    constraint job_rows_add_up check (processed_rows = accepted_rows + unchanged_rows + rejected_rows),
    constraint job_parts_in_range check (parts_done between 0 and part_count),
    constraint job_finished_when check ((finished_at is not null) = (state = 'succeeded' or state = 'failed' or state = 'cancelled')),
    constraint job_lease_whole check ((lease is null) = (leased_until is null)),
    constraint job_version_positive check (version > 0)
);
create index job_party_index on job (party_id, id);
create index job_client_index on job (client_id);
create index job_state_index on job (state, updated_at);

-- The rows of a job as they came in, sealed, and what became of them.
create table job_part (
    job_id uuid not null,
    number bigint not null,
    id uuid not null,
    first_row bigint not null,
    row_count bigint not null,
    rejected_rows bigint not null,
    rows bytea not null,
    receipts text collate "C",
    constraint job_part_pkey primary key (job_id, number),
    constraint job_part_job_fkey foreign key (job_id) references job (id) on delete cascade,
    constraint job_part_rows_positive check (row_count > 0)
);
