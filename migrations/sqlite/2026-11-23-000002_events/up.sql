-- One dense hash chain per agreement; what belongs to no agreement lies in the chain of its party.
create table chain_head (
    chain_id blob not null,
    chain_kind text not null,
    sequence integer not null,
    hash blob not null,
    constraint chain_head_pkey primary key (chain_id),
    constraint chain_head_kind_known check (chain_kind = 'agreement' or chain_kind = 'party'),
    constraint chain_head_sequence_positive check (sequence > 0),
    constraint chain_head_hash_length check (length(hash) = 32)
) strict, without rowid;

-- position is the feed's order, given after commit by one sequencer; payload and salt may be erased, the chain covers their commitment only.
create table event (
    chain_id blob not null,
    sequence integer not null,
    id blob not null,
    kind text not null,
    subject_kind text not null,
    subject_id blob not null,
    subject_version integer not null,
    employer_id blob,
    happened_at integer not null,
    recorded_at integer not null,
    actor_party_id blob not null,
    actor_client_id blob,
    request_id blob,
    commitment blob not null,
    previous_hash blob not null,
    hash blob not null,
    salt blob,
    payload text,
    position integer,
    constraint event_pkey primary key (chain_id, sequence),
    constraint event_sequence_positive check (sequence > 0),
    constraint event_commitment_length check (length(commitment) = 32),
    constraint event_previous_hash_length check (length(previous_hash) = 32),
    constraint event_hash_length check (length(hash) = 32),
    constraint event_payload_with_salt check ((payload is null) = (salt is null))
) strict, without rowid;
create unique index event_position_unique on event (position);
create index event_unsequenced_index on event (chain_id, sequence) where position is null;

create table feed_head (
    id integer not null,
    position integer not null,
    constraint feed_head_pkey primary key (id),
    constraint feed_head_single check (id = 1),
    constraint feed_head_position_sign check (position >= 0)
) strict;
insert into feed_head (id, position) values (1, 0);

create table idempotency_key (
    id blob not null,
    fingerprint blob not null,
    status integer not null,
    content_type text not null,
    location text,
    etag text,
    content_language text,
    body blob not null,
    created_at integer not null,
    constraint idempotency_key_pkey primary key (id),
    constraint idempotency_key_id_length check (length(id) = 32),
    constraint idempotency_key_fingerprint_length check (length(fingerprint) = 32)
-- With a rowid: ids are hashes, so answers kept in their order would split a page with every third request.
) strict;
create index idempotency_key_age_index on idempotency_key (created_at);

create trigger event_append_only_update before update of chain_id, sequence, id, kind, subject_kind, subject_id, subject_version, employer_id,
    happened_at, recorded_at, actor_party_id, actor_client_id, request_id, commitment, previous_hash, hash on event
begin
    select raise(abort, 'event is append-only');
end;
create trigger event_append_only_delete before delete on event
begin
    select raise(abort, 'event is append-only');
end;
