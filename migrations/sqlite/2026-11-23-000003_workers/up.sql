-- name, identity number and phone are sealed; the two indexes are keyed hashes of the identity number:
-- one per origin for search, one for the whole exchange that only matching uses. person_id says which rows of all registers are one
-- human being: the id of the first row of that person, never told to anybody.
create table worker (
    party_id blob not null,
    id blob not null,
    partner_ref text,
    name_sealed blob,
    identity_sealed blob,
    phone_sealed blob,
    identity_index blob,
    exchange_index blob,
    person_id blob not null,
    name_index blob,
    sex text not null,
    birth_year integer,
    hukou_code text not null,
    state text not null,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint worker_pkey primary key (party_id, id),
    constraint worker_party_fkey foreign key (party_id) references party (id),
    constraint worker_state_known check (state = 'active' or state = 'erased'),
    constraint worker_sealed_while_active check ((state = 'active') = (name_sealed is not null and identity_sealed is not null and identity_index is not null and exchange_index is not null and name_index is not null)),
    constraint worker_sex_known check (sex = 'male' or sex = 'female' or sex = 'unknown'),
    constraint worker_hukou_code_shape check (length(hukou_code) = 6),
    constraint worker_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint worker_version_positive check (version > 0)
) strict, without rowid;
create unique index worker_identity_unique on worker (party_id, identity_index);
create unique index worker_partner_ref_unique on worker (party_id, partner_ref);
-- A person across the registers of all origins.
create index worker_exchange_index on worker (exchange_index);

create table worker_group (
    party_id blob not null,
    worker_id blob not null,
    group_code text not null,
    valid_from text not null,
    valid_to text,
    source text not null,
    recorded_at integer not null,
    constraint worker_group_pkey primary key (party_id, worker_id, group_code, valid_from),
    constraint worker_group_worker_fkey foreign key (party_id, worker_id) references worker (party_id, id),
    constraint worker_group_code_known check (group_code = 'lifted' or group_code = 'unstable_lifted' or group_code = 'marginal' or group_code = 'sudden_hardship' or group_code = 'ordinary'),
    constraint worker_group_dates_ordered check (valid_to is null or valid_to >= valid_from)
) strict, without rowid;

-- Who read the unmasked identity of a worker, when and what for.
create table identity_read (
    party_id blob not null,
    id blob not null,
    worker_id blob not null,
    client_id blob not null,
    reader_party_id blob not null,
    purpose text not null,
    request_id blob,
    read_at integer not null,
    constraint identity_read_pkey primary key (party_id, id),
    constraint identity_read_worker_fkey foreign key (party_id, worker_id) references worker (party_id, id),
    constraint identity_read_purpose_length check (length(purpose) between 1 and 200)
) strict, without rowid;
create index identity_read_worker_index on identity_read (party_id, worker_id);

-- Who read what stands as it was written.
create trigger identity_read_append_only_update before update on identity_read
begin
    select raise(abort, 'identity_read is append-only');
end;
create trigger identity_read_append_only_delete before delete on identity_read
begin
    select raise(abort, 'identity_read is append-only');
end;
