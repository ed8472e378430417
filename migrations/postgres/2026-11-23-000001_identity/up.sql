create table zone (
    id uuid not null,
    name text collate "C" not null,
    host_code text collate "C" not null,
    created_at bigint not null,
    constraint zone_pkey primary key (id),
    constraint zone_name_unique unique (host_code, name),
    constraint zone_host_code_shape check (length(host_code) = 6),
    constraint zone_name_length check (length(name) between 1 and 100)
);

-- Tokens issued at or before tokens_void_before are void: of one client here below, of every client of the party here.
create table party (
    id uuid not null,
    name text collate "C" not null,
    kind text collate "C" not null,
    region_code text collate "C",
    zone_id uuid,
    credit_code text collate "C",
    state text collate "C" not null,
    tokens_void_before bigint,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint party_pkey primary key (id),
    constraint party_zone_fkey foreign key (zone_id) references zone (id),
    constraint party_kind_known check (kind in ('authority', 'employer', 'station', 'agency', 'operator')),
    constraint party_state_known check (state in ('active', 'suspended')),
    constraint party_name_length check (length(name) between 1 and 100),
    constraint party_region_code_shape check (region_code is null or length(region_code) = 6),
    constraint party_credit_code_shape check (credit_code is null or length(credit_code) = 18),
    constraint party_version_positive check (version > 0)
);
create index party_zone_index on party (zone_id);
create unique index party_credit_code_unique on party (credit_code);

create table client (
    id uuid not null,
    party_id uuid not null,
    name text collate "C" not null,
    scopes text collate "C" not null,
    state text collate "C" not null,
    tokens_void_before bigint,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint client_pkey primary key (id),
    constraint client_party_fkey foreign key (party_id) references party (id),
    constraint client_state_known check (state in ('active', 'retiring', 'revoked')),
    constraint client_name_length check (length(name) between 1 and 100),
    constraint client_version_positive check (version > 0)
);
create index client_party_index on client (party_id);

create table client_key (
    client_id uuid not null,
    kid text collate "C" not null,
    jwk text collate "C" not null,
    state text collate "C" not null,
    created_at bigint not null,
    constraint client_key_pkey primary key (client_id, kid),
    constraint client_key_client_fkey foreign key (client_id) references client (id),
    constraint client_key_state_known check (state in ('active', 'retiring', 'revoked')),
    constraint client_key_kid_length check (length(kid) between 1 and 128)
);

create table used_assertion (
    client_id uuid not null,
    jti text collate "C" not null,
    expires_at bigint not null,
    constraint used_assertion_pkey primary key (client_id, jti),
    constraint used_assertion_client_fkey foreign key (client_id) references client (id),
    constraint used_assertion_jti_length check (length(jti) between 1 and 128)
);
create index used_assertion_expiry_index on used_assertion (expires_at);
