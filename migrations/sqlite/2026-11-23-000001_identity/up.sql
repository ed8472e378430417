-- Sets of codes are written as comparisons: SQLite makes a table of an IN list anew for every row that a CHECK looks at, which costs an
-- insert into a table with several such checks a third of its time.
create table zone (
    id blob not null,
    name text not null,
    host_code text not null,
    created_at integer not null,
    constraint zone_pkey primary key (id),
    constraint zone_name_unique unique (host_code, name),
    constraint zone_host_code_shape check (length(host_code) = 6),
    constraint zone_name_length check (length(name) between 1 and 100)
) strict;

-- Tokens issued at or before tokens_void_before are void: of one client here below, of every client of the party here.
create table party (
    id blob not null,
    name text not null,
    kind text not null,
    region_code text,
    zone_id blob,
    credit_code text,
    state text not null,
    tokens_void_before integer,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint party_pkey primary key (id),
    constraint party_zone_fkey foreign key (zone_id) references zone (id),
    constraint party_kind_known check (kind = 'authority' or kind = 'employer' or kind = 'station' or kind = 'agency' or kind = 'operator'),
    constraint party_state_known check (state = 'active' or state = 'suspended'),
    constraint party_name_length check (length(name) between 1 and 100),
    constraint party_region_code_shape check (region_code is null or length(region_code) = 6),
    constraint party_credit_code_shape check (credit_code is null or length(credit_code) = 18),
    constraint party_version_positive check (version > 0)
) strict;
create index party_zone_index on party (zone_id);
create unique index party_credit_code_unique on party (credit_code);

create table client (
    id blob not null,
    party_id blob not null,
    name text not null,
    scopes text not null,
    state text not null,
    tokens_void_before integer,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint client_pkey primary key (id),
    constraint client_party_fkey foreign key (party_id) references party (id),
    constraint client_state_known check (state = 'active' or state = 'retiring' or state = 'revoked'),
    constraint client_name_length check (length(name) between 1 and 100),
    constraint client_version_positive check (version > 0)
) strict;
create index client_party_index on client (party_id);

create table client_key (
    client_id blob not null,
    kid text not null,
    jwk text not null,
    state text not null,
    created_at integer not null,
    constraint client_key_pkey primary key (client_id, kid),
    constraint client_key_client_fkey foreign key (client_id) references client (id),
    constraint client_key_state_known check (state = 'active' or state = 'retiring' or state = 'revoked'),
    constraint client_key_kid_length check (length(kid) between 1 and 128)
) strict, without rowid;

create table used_assertion (
    client_id blob not null,
    jti text not null,
    expires_at integer not null,
    constraint used_assertion_pkey primary key (client_id, jti),
    constraint used_assertion_client_fkey foreign key (client_id) references client (id),
    constraint used_assertion_jti_length check (length(jti) between 1 and 128)
) strict, without rowid;
create index used_assertion_expiry_index on used_assertion (expires_at);
