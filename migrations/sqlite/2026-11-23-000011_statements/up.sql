-- What both sides say of one month of an agreement. The content lies in editions; this row says how far the month has got.
create table monthly_statement (
    agreement_id blob not null,
    id blob not null,
    month text not null,
    state text not null,
    edition integer not null,
    drafted_by blob not null,
    objections_until text,
    frozen_at integer,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint monthly_statement_pkey primary key (agreement_id, id),
    constraint monthly_statement_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint monthly_statement_drafted_by_fkey foreign key (drafted_by) references party (id),
    constraint monthly_statement_state_known check (state = 'draft' or state = 'open' or state = 'signed' or state = 'frozen'),
    constraint monthly_statement_month_length check (length(month) = 7),
    constraint monthly_statement_edition_positive check (edition > 0),
    constraint monthly_statement_window_when check ((state = 'draft') = (objections_until is null)),
    constraint monthly_statement_frozen_when check ((state = 'frozen') = (frozen_at is not null)),
    constraint monthly_statement_version_positive check (version > 0)
) strict, without rowid;
create unique index monthly_statement_month_unique on monthly_statement (agreement_id, month);
create index monthly_statement_party_index on monthly_statement (drafted_by);

-- One computation of a month: the exact bytes that are signed. A new computation is a new edition.
create table statement_edition (
    agreement_id blob not null,
    statement_id blob not null,
    edition integer not null,
    document text not null,
    digest blob not null,
    rows_root blob not null,
    row_count integer not null,
    computed_by blob not null,
    computed_at integer not null,
    constraint statement_edition_pkey primary key (agreement_id, statement_id, edition),
    constraint statement_edition_statement_fkey foreign key (agreement_id, statement_id) references monthly_statement (agreement_id, id),
    constraint statement_edition_computed_by_fkey foreign key (computed_by) references party (id),
    constraint statement_edition_digest_length check (length(digest) = 32),
    constraint statement_edition_root_length check (length(rows_root) = 32),
    constraint statement_edition_rows_sign check (row_count >= 0)
) strict, without rowid;
create index statement_edition_party_index on statement_edition (computed_by);

-- The rows behind the figures of an edition: the exact bytes, their leaf in the tree, and the figures each counts in.
create table statement_row (
    agreement_id blob not null,
    statement_id blob not null,
    edition integer not null,
    ordinal integer not null,
    subject_id blob not null,
    figures text not null,
    content text not null,
    leaf blob not null,
    constraint statement_row_pkey primary key (agreement_id, statement_id, edition, ordinal),
    constraint statement_row_statement_fkey foreign key (agreement_id, statement_id) references monthly_statement (agreement_id, id),
    constraint statement_row_ordinal_positive check (ordinal > 0),
    constraint statement_row_leaf_length check (length(leaf) = 32)
) strict, without rowid;

-- The yes of a party to one edition, with the key that made it, so that it can be checked when the key has long been retired.
create table statement_signature (
    agreement_id blob not null,
    statement_id blob not null,
    edition integer not null,
    party_id blob not null,
    client_id blob not null,
    key_id text not null,
    public_key text not null,
    signature text not null,
    signed_at integer not null,
    constraint statement_signature_pkey primary key (agreement_id, statement_id, edition, party_id),
    constraint statement_signature_edition_fkey foreign key (agreement_id, statement_id, edition) references statement_edition (agreement_id, statement_id, edition),
    constraint statement_signature_party_fkey foreign key (party_id) references party (id)
) strict, without rowid;
create index statement_signature_party_index on statement_signature (party_id);

create table statement_objection (
    agreement_id blob not null,
    id blob not null,
    statement_id blob not null,
    edition integer not null,
    placement_id blob,
    raised_by blob not null,
    reason text not null,
    state text not null,
    raised_at integer not null,
    withdrawn_at integer,
    constraint statement_objection_pkey primary key (agreement_id, id),
    constraint statement_objection_edition_fkey foreign key (agreement_id, statement_id, edition) references statement_edition (agreement_id, statement_id, edition),
    constraint statement_objection_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint statement_objection_raised_by_fkey foreign key (raised_by) references party (id),
    constraint statement_objection_state_known check (state = 'open' or state = 'withdrawn'),
    constraint statement_objection_withdrawn_when check ((state = 'withdrawn') = (withdrawn_at is not null)),
    constraint statement_objection_reason_length check (length(reason) between 1 and 500)
) strict, without rowid;
create index statement_objection_statement_index on statement_objection (agreement_id, statement_id, edition);
create index statement_objection_placement_index on statement_objection (agreement_id, placement_id);
create index statement_objection_party_index on statement_objection (raised_by);

-- What was computed and signed stands.
create trigger statement_edition_append_only_update before update on statement_edition
begin
    select raise(abort, 'statement_edition is append-only');
end;
create trigger statement_edition_append_only_delete before delete on statement_edition
begin
    select raise(abort, 'statement_edition is append-only');
end;
create trigger statement_row_append_only_update before update on statement_row
begin
    select raise(abort, 'statement_row is append-only');
end;
create trigger statement_row_append_only_delete before delete on statement_row
begin
    select raise(abort, 'statement_row is append-only');
end;
create trigger statement_signature_append_only_update before update on statement_signature
begin
    select raise(abort, 'statement_signature is append-only');
end;
create trigger statement_signature_append_only_delete before delete on statement_signature
begin
    select raise(abort, 'statement_signature is append-only');
end;

create trigger monthly_statement_frozen_stands before update on monthly_statement when old.state = 'frozen'
begin
    select raise(abort, 'a frozen statement stands');
end;
