-- Work that takes longer than an answer may: carried out step by step, each step one transaction with the cursor beside what it did.
create table job (
    id blob not null,
    party_id blob not null,
    client_id blob not null,
    request_id blob,
    kind text not null,
    state text not null,
    about text not null,
    form text not null,
    language text not null,
    warnings text not null,
    row_count integer not null,
    processed_rows integer not null,
    accepted_rows integer not null,
    unchanged_rows integer not null,
    rejected_rows integer not null,
    part_count integer not null,
    parts_done integer not null,
    error text,
    lease blob,
    leased_until integer,
    version integer not null,
    created_at integer not null,
    started_at integer,
    finished_at integer,
    updated_at integer not null,
    constraint job_pkey primary key (id),
    constraint job_party_fkey foreign key (party_id) references party (id),
    constraint job_client_fkey foreign key (client_id) references client (id),
    constraint job_state_known check (state = 'receiving' or state = 'queued' or state = 'running' or state = 'succeeded' or state = 'failed' or state = 'cancelled'),
    constraint job_rows_add_up check (processed_rows = accepted_rows + unchanged_rows + rejected_rows),
    constraint job_parts_in_range check (parts_done between 0 and part_count),
    constraint job_finished_when check ((finished_at is not null) = (state = 'succeeded' or state = 'failed' or state = 'cancelled')),
    constraint job_lease_whole check ((lease is null) = (leased_until is null)),
    constraint job_version_positive check (version > 0)
) strict, without rowid;
create index job_party_index on job (party_id, id);
create index job_client_index on job (client_id);
create index job_state_index on job (state, updated_at);

-- The rows of a job as they came in, sealed, and what became of them.
create table job_part (
    job_id blob not null,
    number integer not null,
    id blob not null,
    first_row integer not null,
    row_count integer not null,
    rejected_rows integer not null,
    rows blob not null,
    receipts text,
    constraint job_part_pkey primary key (job_id, number),
    constraint job_part_job_fkey foreign key (job_id) references job (id) on delete cascade,
    constraint job_part_rows_positive check (row_count > 0)
) strict;
