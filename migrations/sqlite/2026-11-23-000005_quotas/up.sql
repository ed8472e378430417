create table quota (
    agreement_id blob not null,
    id blob not null,
    destination_id blob not null,
    employer_id blob not null,
    post_title text not null,
    occupation_code text,
    region_code text not null,
    zone_id blob,
    requested_places integer not null,
    approved_places integer not null,
    approval_reason text,
    withdrawal_reason text,
    monthly_wage_min_fen integer,
    monthly_wage_max_fen integer,
    valid_until text not null,
    state text not null,
    partner_ref text,
    version integer not null,
    created_at integer not null,
    updated_at integer not null,
    constraint quota_pkey primary key (agreement_id, id),
    constraint quota_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint quota_destination_fkey foreign key (agreement_id, destination_id) references agreement_party (agreement_id, party_id),
    constraint quota_employer_fkey foreign key (employer_id) references party (id),
    constraint quota_zone_fkey foreign key (zone_id) references zone (id),
    constraint quota_state_known check (state = 'draft' or state = 'published' or state = 'withdrawn'),
    constraint quota_post_title_length check (length(post_title) between 1 and 100),
    constraint quota_region_code_shape check (length(region_code) = 6),
    constraint quota_places_ordered check (requested_places between 1 and 1000000 and approved_places between 0 and requested_places),
    constraint quota_partial_with_reason check (state <> 'published' or approved_places = requested_places or approval_reason is not null),
    constraint quota_withdrawn_with_reason check ((state = 'withdrawn') = (withdrawal_reason is not null)),
    constraint quota_wage_ordered check (monthly_wage_min_fen is null or monthly_wage_max_fen is null or monthly_wage_max_fen >= monthly_wage_min_fen),
    constraint quota_wage_sign check (coalesce(monthly_wage_min_fen, 0) >= 0 and coalesce(monthly_wage_max_fen, 0) >= 0),
    constraint quota_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint quota_version_positive check (version > 0)
) strict, without rowid;
create unique index quota_id_unique on quota (id);
create unique index quota_partner_ref_unique on quota (destination_id, partner_ref);
create index quota_destination_index on quota (agreement_id, destination_id);
create index quota_employer_index on quota (employer_id, id);
create index quota_zone_index on quota (zone_id);

-- How many places were approved from when on: a quota keeps the latest number only.
create table quota_approval (
    agreement_id blob not null,
    quota_id blob not null,
    version integer not null,
    places integer not null,
    approved_at integer not null,
    constraint quota_approval_pkey primary key (agreement_id, quota_id, version),
    constraint quota_approval_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id),
    constraint quota_approval_places_sign check (places >= 0)
) strict, without rowid;

-- Every limit on places is an account: the quota, each of its cohorts, and the caps of the agreement's terms.
create table place_account (
    agreement_id blob not null,
    id blob not null,
    kind text not null,
    quota_id blob,
    region_code text,
    starts_on text,
    places integer not null,
    reserved integer not null,
    consumed integer not null,
    constraint place_account_pkey primary key (agreement_id, id),
    constraint place_account_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id),
    constraint place_account_kind_known check (kind = 'agreement' or kind = 'region' or kind = 'quota' or kind = 'cohort'),
    constraint place_account_kind_fields check (
        (kind = 'agreement' and quota_id is null and region_code is null and starts_on is null)
        or (kind = 'region' and quota_id is null and region_code is not null and starts_on is null)
        or (kind = 'quota' and quota_id is not null and region_code is null and starts_on is null)
        or (kind = 'cohort' and quota_id is not null and region_code is null and starts_on is not null)),
    constraint place_account_never_oversold check (reserved >= 0 and consumed >= 0 and reserved + consumed <= places)
) strict, without rowid;
create index place_account_quota_index on place_account (agreement_id, quota_id);

-- The ledger behind the counters: each entry moves places of one account, made by one step of one dispatch.
create table place_entry (
    agreement_id blob not null,
    id blob not null,
    account_id blob not null,
    dispatch_id blob not null,
    kind text not null,
    places integer not null,
    reason text not null,
    recorded_at integer not null,
    constraint place_entry_pkey primary key (agreement_id, id),
    constraint place_entry_account_fkey foreign key (agreement_id, account_id) references place_account (agreement_id, id),
    constraint place_entry_kind_known check (kind = 'reserve' or kind = 'consume' or kind = 'release' or kind = 'restore'),
    constraint place_entry_places_positive check (places > 0)
) strict, without rowid;
create index place_entry_account_index on place_entry (agreement_id, account_id);

-- What a dispatch holds of an account until its time runs out; lapsed holds count as free before anybody sweeps them.
create table place_hold (
    agreement_id blob not null,
    account_id blob not null,
    dispatch_id blob not null,
    places integer not null,
    holds_until integer not null,
    constraint place_hold_pkey primary key (agreement_id, account_id, dispatch_id),
    constraint place_hold_account_fkey foreign key (agreement_id, account_id) references place_account (agreement_id, id),
    constraint place_hold_places_positive check (places > 0)
) strict, without rowid;
create index place_hold_dispatch_index on place_hold (agreement_id, dispatch_id);
create index place_hold_expiry_index on place_hold (agreement_id, holds_until);

-- The ledger behind the counters is only ever added to.
create trigger place_entry_append_only_update before update on place_entry
begin
    select raise(abort, 'place_entry is append-only');
end;
create trigger place_entry_append_only_delete before delete on place_entry
begin
    select raise(abort, 'place_entry is append-only');
end;

-- An approval stands as it was given.
create trigger quota_approval_append_only_update before update on quota_approval
begin
    select raise(abort, 'quota_approval is append-only');
end;
create trigger quota_approval_append_only_delete before delete on quota_approval
begin
    select raise(abort, 'quota_approval is append-only');
end;
