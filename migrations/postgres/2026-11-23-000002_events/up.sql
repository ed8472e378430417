-- One dense hash chain per agreement; what belongs to no agreement lies in the chain of its party.
create table chain_head (
    chain_id uuid not null,
    chain_kind text collate "C" not null,
    sequence bigint not null,
    hash bytea not null,
    constraint chain_head_pkey primary key (chain_id),
    constraint chain_head_kind_known check (chain_kind in ('agreement', 'party')),
    constraint chain_head_sequence_positive check (sequence > 0),
    constraint chain_head_hash_length check (length(hash) = 32)
);

-- position is the feed's order, given after commit by one sequencer; payload and salt may be erased, the chain covers their commitment only.
create table event (
    chain_id uuid not null,
    sequence bigint not null,
    id uuid not null,
    kind text collate "C" not null,
    subject_kind text collate "C" not null,
    subject_id uuid not null,
    subject_version bigint not null,
    employer_id uuid,
    happened_at bigint not null,
    recorded_at bigint not null,
    actor_party_id uuid not null,
    actor_client_id uuid,
    request_id uuid,
    commitment bytea not null,
    previous_hash bytea not null,
    hash bytea not null,
    salt bytea,
    payload text collate "C",
    position bigint,
    constraint event_pkey primary key (chain_id, sequence),
    constraint event_sequence_positive check (sequence > 0),
    constraint event_commitment_length check (length(commitment) = 32),
    constraint event_previous_hash_length check (length(previous_hash) = 32),
    constraint event_hash_length check (length(hash) = 32),
    constraint event_payload_with_salt check ((payload is null) = (salt is null))
);
create unique index event_position_unique on event (position);
create index event_unsequenced_index on event (chain_id, sequence) where position is null;

create table feed_head (
    id bigint not null,
    position bigint not null,
    constraint feed_head_pkey primary key (id),
    constraint feed_head_single check (id = 1),
    constraint feed_head_position_sign check (position >= 0)
);
insert into feed_head (id, position) values (1, 0);

create table idempotency_key (
    id bytea not null,
    fingerprint bytea not null,
    status bigint not null,
    content_type text collate "C" not null,
    location text collate "C",
    etag text collate "C",
    content_language text collate "C",
    body bytea not null,
    created_at bigint not null,
    constraint idempotency_key_pkey primary key (id),
    constraint idempotency_key_id_length check (length(id) = 32),
    constraint idempotency_key_fingerprint_length check (length(fingerprint) = 32)
);
create index idempotency_key_age_index on idempotency_key (created_at);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name;
end;
$$;
create trigger event_append_only_update before update of chain_id, sequence, id, kind, subject_kind, subject_id, subject_version, employer_id,
    happened_at, recorded_at, actor_party_id, actor_client_id, request_id, commitment, previous_hash, hash on event
    for each row execute function refuse_change();
create trigger event_append_only_delete before delete on event
    for each row execute function refuse_change();
create trigger event_append_only_truncate before truncate on event
    for each statement execute function refuse_change();
