-- Where a party wants its events sent. position: all of the feed up to here was sent, or waits behind the open delivery of its chain.
-- Whoever holds lease_id until leased_until is the only one that sends to it.
create table webhook_endpoint (
    id blob not null,
    party_id blob not null,
    client_id blob not null,
    url text not null,
    description text,
    partner_ref text,
    types text not null,
    signature text not null,
    state text not null,
    disabled_reason text,
    disabled_at integer,
    failing_since integer,
    redelivered_at integer,
    position integer not null,
    lease_id blob,
    leased_until integer not null,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint webhook_endpoint_pkey primary key (id),
    constraint webhook_endpoint_party_fkey foreign key (party_id) references party (id),
    constraint webhook_endpoint_client_fkey foreign key (client_id) references client (id),
    constraint webhook_endpoint_url_length check (length(url) between 1 and 500),
    constraint webhook_endpoint_description_length check (description is null or length(description) between 1 and 200),
    constraint webhook_endpoint_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint webhook_endpoint_signature_known check (signature = 'v1' or signature = 'v1a'),
    constraint webhook_endpoint_state_known check (state = 'enabled' or state = 'disabled'),
    constraint webhook_endpoint_reason_known check (disabled_reason is null or disabled_reason = 'by_owner' or disabled_reason = 'gone' or disabled_reason = 'failing'),
    constraint webhook_endpoint_disabled_when check ((state = 'disabled') = (disabled_reason is not null) and (disabled_reason is null) = (disabled_at is null)),
    constraint webhook_endpoint_position_sign check (position >= 0),
    constraint webhook_endpoint_version_positive check (version > 0)
) strict;
create unique index webhook_endpoint_partner_ref_unique on webhook_endpoint (party_id, partner_ref);
create index webhook_endpoint_client_index on webhook_endpoint (client_id);

-- What signs, sealed. One without an end is the newest; the one before it ends when the change is over.
create table webhook_secret (
    endpoint_id blob not null,
    id blob not null,
    sealed blob not null,
    public_key text,
    created_at integer not null,
    ends_at integer,
    constraint webhook_secret_pkey primary key (endpoint_id, id),
    constraint webhook_secret_endpoint_fkey foreign key (endpoint_id) references webhook_endpoint (id)
) strict, without rowid;

-- An event that was sent, or is to be sent again. A pending one that nobody asked for holds up its chain: there is one for each chain.
create table webhook_delivery (
    endpoint_id blob not null,
    id blob not null,
    event_id blob not null,
    chain_id blob not null,
    sequence integer not null,
    position integer not null,
    kind text not null,
    state text not null,
    redelivery integer not null,
    attempts integer not null,
    next_attempt_at integer,
    last_attempt_at integer,
    response_status integer,
    duration_ms integer,
    failure text,
    created_at integer not null,
    constraint webhook_delivery_pkey primary key (endpoint_id, id),
    constraint webhook_delivery_endpoint_fkey foreign key (endpoint_id) references webhook_endpoint (id),
    constraint webhook_delivery_state_known check (state = 'pending' or state = 'delivered' or state = 'failed'),
    constraint webhook_delivery_next_when check ((state = 'pending') = (next_attempt_at is not null)),
    constraint webhook_delivery_attempts_sign check (attempts >= 0)
) strict, without rowid;
create unique index webhook_delivery_event_unique on webhook_delivery (endpoint_id, event_id);
create unique index webhook_delivery_open_unique on webhook_delivery (endpoint_id, chain_id) where state = 'pending' and not redelivery;
create index webhook_delivery_due_index on webhook_delivery (endpoint_id, next_attempt_at) where state = 'pending';
create index webhook_delivery_age_index on webhook_delivery (endpoint_id, created_at);

-- Details of an event by its id, which webhooks carry too.
create index event_id_index on event (id);
