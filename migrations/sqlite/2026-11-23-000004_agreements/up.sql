create table agreement (
    id blob not null,
    number text not null,
    title text not null,
    kind text not null,
    state text not null,
    drafted_by blob not null,
    effective_from text not null,
    effective_to text not null,
    partner_ref text,
    tally_version integer not null,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint agreement_pkey primary key (id),
    constraint agreement_drafted_by_fkey foreign key (drafted_by) references party (id),
    constraint agreement_number_unique unique (number),
    constraint agreement_number_length check (length(number) between 1 and 100),
    constraint agreement_title_length check (length(title) between 1 and 200),
    constraint agreement_kind_known check (kind = 'east_west' or kind = 'inter_provincial' or kind = 'intra_provincial' or kind = 'intra_prefecture' or kind = 'alliance' or kind = 'tripartite_station' or kind = 'government_enterprise'),
    constraint agreement_state_known check (state = 'draft' or state = 'proposed' or state = 'ratified' or state = 'suspended' or state = 'terminated'),
    constraint agreement_days_ordered check (effective_to >= effective_from),
    constraint agreement_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint agreement_version_positive check (version > 0 and tally_version > 0)
) strict;
create unique index agreement_partner_ref_unique on agreement (drafted_by, partner_ref);

create table agreement_party (
    agreement_id blob not null,
    party_id blob not null,
    role text not null,
    constraint agreement_party_pkey primary key (agreement_id, party_id),
    constraint agreement_party_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint agreement_party_party_fkey foreign key (party_id) references party (id),
    constraint agreement_party_role_known check (role = 'origin' or role = 'destination' or role = 'station')
) strict, without rowid;
create index agreement_party_party_index on agreement_party (party_id, agreement_id);

-- document holds the exact canonical bytes both sides ratify; digest is their SHA-256.
create table agreement_version (
    agreement_id blob not null,
    number integer not null,
    state text not null,
    effective_on text not null,
    document text not null,
    digest blob not null,
    reason text,
    created_at integer not null,
    ratified_at integer,
    constraint agreement_version_pkey primary key (agreement_id, number),
    constraint agreement_version_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint agreement_version_state_known check (state = 'draft' or state = 'proposed' or state = 'ratified' or state = 'withdrawn'),
    constraint agreement_version_ratified_when check ((state = 'ratified') = (ratified_at is not null)),
    constraint agreement_version_number_positive check (number > 0),
    constraint agreement_version_digest_length check (length(digest) = 32)
) strict, without rowid;

create table ratification (
    agreement_id blob not null,
    version integer not null,
    party_id blob not null,
    client_id blob not null,
    digest blob not null,
    signature text,
    key_id text,
    ratified_at integer not null,
    constraint ratification_pkey primary key (agreement_id, version, party_id),
    constraint ratification_version_fkey foreign key (agreement_id, version) references agreement_version (agreement_id, number),
    constraint ratification_party_fkey foreign key (agreement_id, party_id) references agreement_party (agreement_id, party_id),
    constraint ratification_digest_length check (length(digest) = 32),
    constraint ratification_signature_with_key check ((signature is null) = (key_id is null))
) strict, without rowid;
create index ratification_party_index on ratification (agreement_id, party_id);

-- Once proposed, the terms stand as they were put before the parties; only their state moves on.
create trigger agreement_version_append_only_update before update of agreement_id, number, effective_on, document, digest, reason, created_at on agreement_version
when old.state <> 'draft'
begin
    select raise(abort, 'agreement_version is append-only');
end;
create trigger agreement_version_append_only_delete before delete on agreement_version
when old.state <> 'draft'
begin
    select raise(abort, 'agreement_version is append-only');
end;

-- A ratification stands as it was given.
create trigger ratification_append_only_update before update on ratification
begin
    select raise(abort, 'ratification is append-only');
end;
create trigger ratification_append_only_delete before delete on ratification
begin
    select raise(abort, 'ratification is append-only');
end;
