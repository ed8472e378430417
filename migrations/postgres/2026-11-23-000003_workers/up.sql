-- name, identity number and phone are sealed; the two indexes are keyed hashes of the identity number:
-- one per origin for search, one for the whole exchange that only matching uses. person_id says which rows of all registers are one
-- human being: the id of the first row of that person, never told to anybody.
create table worker (
    party_id uuid not null,
    id uuid not null,
    partner_ref text collate "C",
    name_sealed bytea,
    identity_sealed bytea,
    phone_sealed bytea,
    identity_index bytea,
    exchange_index bytea,
    person_id uuid not null,
    name_index bytea,
    sex text collate "C" not null,
    birth_year bigint,
    hukou_code text collate "C" not null,
    state text collate "C" not null,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint worker_pkey primary key (party_id, id),
    constraint worker_party_fkey foreign key (party_id) references party (id),
    constraint worker_state_known check (state in ('active', 'erased')),
    constraint worker_sealed_while_active check ((state = 'active') = (name_sealed is not null and identity_sealed is not null and identity_index is not null and exchange_index is not null and name_index is not null)),
    constraint worker_sex_known check (sex in ('male', 'female', 'unknown')),
    constraint worker_hukou_code_shape check (length(hukou_code) = 6),
    constraint worker_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint worker_version_positive check (version > 0)
);
create unique index worker_identity_unique on worker (party_id, identity_index);
create unique index worker_partner_ref_unique on worker (party_id, partner_ref);
-- A person across the registers of all origins.
create index worker_exchange_index on worker (exchange_index);

create table worker_group (
    party_id uuid not null,
    worker_id uuid not null,
    group_code text collate "C" not null,
    valid_from text collate "C" not null,
    valid_to text collate "C",
    source text collate "C" not null,
    recorded_at bigint not null,
    constraint worker_group_pkey primary key (party_id, worker_id, group_code, valid_from),
    constraint worker_group_worker_fkey foreign key (party_id, worker_id) references worker (party_id, id),
    constraint worker_group_code_known check (group_code in ('lifted', 'unstable_lifted', 'marginal', 'sudden_hardship', 'ordinary')),
    constraint worker_group_dates_ordered check (valid_to is null or valid_to >= valid_from)
);

-- Who read the unmasked identity of a worker, when and what for.
create table identity_read (
    party_id uuid not null,
    id uuid not null,
    worker_id uuid not null,
    client_id uuid not null,
    reader_party_id uuid not null,
    purpose text collate "C" not null,
    request_id uuid,
    read_at bigint not null,
    constraint identity_read_pkey primary key (party_id, id),
    constraint identity_read_worker_fkey foreign key (party_id, worker_id) references worker (party_id, id),
    constraint identity_read_purpose_length check (length(purpose) between 1 and 200)
);
create index identity_read_worker_index on identity_read (party_id, worker_id);

-- Who read what stands as it was written.
create trigger identity_read_append_only_update before update on identity_read
    for each row execute function refuse_change();
create trigger identity_read_append_only_delete before delete on identity_read
    for each row execute function refuse_change();
create trigger identity_read_append_only_truncate before truncate on identity_read
    for each statement execute function refuse_change();
