create table agreement (
    id uuid not null,
    number text collate "C" not null,
    title text collate "C" not null,
    kind text collate "C" not null,
    state text collate "C" not null,
    drafted_by uuid not null,
    effective_from text collate "C" not null,
    effective_to text collate "C" not null,
    partner_ref text collate "C",
    tally_version bigint not null,
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint agreement_pkey primary key (id),
    constraint agreement_drafted_by_fkey foreign key (drafted_by) references party (id),
    constraint agreement_number_unique unique (number),
    constraint agreement_number_length check (length(number) between 1 and 100),
    constraint agreement_title_length check (length(title) between 1 and 200),
    constraint agreement_kind_known check (kind in ('east_west', 'inter_provincial', 'intra_provincial', 'intra_prefecture', 'alliance', 'tripartite_station', 'government_enterprise')),
    constraint agreement_state_known check (state in ('draft', 'proposed', 'ratified', 'suspended', 'terminated')),
    constraint agreement_days_ordered check (effective_to >= effective_from),
    constraint agreement_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint agreement_version_positive check (version > 0 and tally_version > 0)
);
create unique index agreement_partner_ref_unique on agreement (drafted_by, partner_ref);

create table agreement_party (
    agreement_id uuid not null,
    party_id uuid not null,
    role text collate "C" not null,
    constraint agreement_party_pkey primary key (agreement_id, party_id),
    constraint agreement_party_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint agreement_party_party_fkey foreign key (party_id) references party (id),
    constraint agreement_party_role_known check (role in ('origin', 'destination', 'station'))
);
create index agreement_party_party_index on agreement_party (party_id, agreement_id);

-- document holds the exact canonical bytes both sides ratify; digest is their SHA-256.
create table agreement_version (
    agreement_id uuid not null,
    number bigint not null,
    state text collate "C" not null,
    effective_on text collate "C" not null,
    document text collate "C" not null,
    digest bytea not null,
    reason text collate "C",
    created_at bigint not null,
    ratified_at bigint,
    constraint agreement_version_pkey primary key (agreement_id, number),
    constraint agreement_version_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint agreement_version_state_known check (state in ('draft', 'proposed', 'ratified', 'withdrawn')),
    constraint agreement_version_ratified_when check ((state = 'ratified') = (ratified_at is not null)),
    constraint agreement_version_number_positive check (number > 0),
    constraint agreement_version_digest_length check (length(digest) = 32)
);

create table ratification (
    agreement_id uuid not null,
    version bigint not null,
    party_id uuid not null,
    client_id uuid not null,
    digest bytea not null,
    signature text collate "C",
    key_id text collate "C",
    ratified_at bigint not null,
    constraint ratification_pkey primary key (agreement_id, version, party_id),
    constraint ratification_version_fkey foreign key (agreement_id, version) references agreement_version (agreement_id, number),
    constraint ratification_party_fkey foreign key (agreement_id, party_id) references agreement_party (agreement_id, party_id),
    constraint ratification_digest_length check (length(digest) = 32),
    constraint ratification_signature_with_key check ((signature is null) = (key_id is null))
);
create index ratification_party_index on ratification (agreement_id, party_id);

-- Once proposed, the terms stand as they were put before the parties; only their state moves on.
create trigger agreement_version_append_only_update before update of agreement_id, number, effective_on, document, digest, reason, created_at on agreement_version
    for each row when (old.state <> 'draft') execute function refuse_change();
create trigger agreement_version_append_only_delete before delete on agreement_version
    for each row when (old.state <> 'draft') execute function refuse_change();
create trigger agreement_version_append_only_truncate before truncate on agreement_version
    for each statement execute function refuse_change();

-- A ratification stands as it was given.
create trigger ratification_append_only_update before update on ratification
    for each row execute function refuse_change();
create trigger ratification_append_only_delete before delete on ratification
    for each row execute function refuse_change();
create trigger ratification_append_only_truncate before truncate on ratification
    for each statement execute function refuse_change();
