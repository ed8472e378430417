create table quota (
    agreement_id uuid not null,
    id uuid not null,
    destination_id uuid not null,
    employer_id uuid not null,
    post_title text collate "C" not null,
    occupation_code text collate "C",
    region_code text collate "C" not null,
    zone_id uuid,
    requested_places bigint not null,
    approved_places bigint not null,
    approval_reason text collate "C",
    withdrawal_reason text collate "C",
    monthly_wage_min_fen bigint,
    monthly_wage_max_fen bigint,
    valid_until text collate "C" not null,
    state text collate "C" not null,
    partner_ref text collate "C",
    version bigint not null,
    created_at bigint not null,
    updated_at bigint not null,
    constraint quota_pkey primary key (agreement_id, id),
    constraint quota_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint quota_destination_fkey foreign key (agreement_id, destination_id) references agreement_party (agreement_id, party_id),
    constraint quota_employer_fkey foreign key (employer_id) references party (id),
    constraint quota_zone_fkey foreign key (zone_id) references zone (id),
    constraint quota_state_known check (state in ('draft', 'published', 'withdrawn')),
    constraint quota_post_title_length check (length(post_title) between 1 and 100),
    constraint quota_region_code_shape check (length(region_code) = 6),
    constraint quota_places_ordered check (requested_places between 1 and 1000000 and approved_places between 0 and requested_places),
    constraint quota_partial_with_reason check (state <> 'published' or approved_places = requested_places or approval_reason is not null),
    constraint quota_withdrawn_with_reason check ((state = 'withdrawn') = (withdrawal_reason is not null)),
    constraint quota_wage_ordered check (monthly_wage_min_fen is null or monthly_wage_max_fen is null or monthly_wage_max_fen >= monthly_wage_min_fen),
    constraint quota_wage_sign check (coalesce(monthly_wage_min_fen, 0) >= 0 and coalesce(monthly_wage_max_fen, 0) >= 0),
    constraint quota_partner_ref_length check (partner_ref is null or length(partner_ref) between 1 and 100),
    constraint quota_version_positive check (version > 0)
);
create unique index quota_id_unique on quota (id);
create unique index quota_partner_ref_unique on quota (destination_id, partner_ref);
create index quota_destination_index on quota (agreement_id, destination_id);
create index quota_employer_index on quota (employer_id, id);
create index quota_zone_index on quota (zone_id);

-- How many places were approved from when on: a quota keeps the latest number only.
create table quota_approval (
    agreement_id uuid not null,
    quota_id uuid not null,
    version bigint not null,
    places bigint not null,
    approved_at bigint not null,
    constraint quota_approval_pkey primary key (agreement_id, quota_id, version),
    constraint quota_approval_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id),
    constraint quota_approval_places_sign check (places >= 0)
);

-- Every limit on places is an account: the quota, each of its cohorts, and the caps of the agreement's terms.
create table place_account (
    agreement_id uuid not null,
    id uuid not null,
    kind text collate "C" not null,
    quota_id uuid,
    region_code text collate "C",
    starts_on text collate "C",
    places bigint not null,
    reserved bigint not null,
    consumed bigint not null,
    constraint place_account_pkey primary key (agreement_id, id),
    constraint place_account_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id),
    constraint place_account_kind_known check (kind in ('agreement', 'region', 'quota', 'cohort')),
    constraint place_account_kind_fields check (
        (kind = 'agreement' and quota_id is null and region_code is null and starts_on is null)
        or (kind = 'region' and quota_id is null and region_code is not null and starts_on is null)
        or (kind = 'quota' and quota_id is not null and region_code is null and starts_on is null)
        or (kind = 'cohort' and quota_id is not null and region_code is null and starts_on is not null)),
    constraint place_account_never_oversold check (reserved >= 0 and consumed >= 0 and reserved + consumed <= places)
);
create index place_account_quota_index on place_account (agreement_id, quota_id);

-- The ledger behind the counters: each entry moves places of one account, made by one step of one dispatch.
create table place_entry (
    agreement_id uuid not null,
    id uuid not null,
    account_id uuid not null,
    dispatch_id uuid not null,
    kind text collate "C" not null,
    places bigint not null,
    reason text collate "C" not null,
    recorded_at bigint not null,
    constraint place_entry_pkey primary key (agreement_id, id),
    constraint place_entry_account_fkey foreign key (agreement_id, account_id) references place_account (agreement_id, id),
    constraint place_entry_kind_known check (kind in ('reserve', 'consume', 'release', 'restore')),
    constraint place_entry_places_positive check (places > 0)
);
create index place_entry_account_index on place_entry (agreement_id, account_id);

-- What a dispatch holds of an account until its time runs out; lapsed holds count as free before anybody sweeps them.
create table place_hold (
    agreement_id uuid not null,
    account_id uuid not null,
    dispatch_id uuid not null,
    places bigint not null,
    holds_until bigint not null,
    constraint place_hold_pkey primary key (agreement_id, account_id, dispatch_id),
    constraint place_hold_account_fkey foreign key (agreement_id, account_id) references place_account (agreement_id, id),
    constraint place_hold_places_positive check (places > 0)
);
create index place_hold_dispatch_index on place_hold (agreement_id, dispatch_id);
create index place_hold_expiry_index on place_hold (agreement_id, holds_until);

-- The ledger behind the counters is only ever added to.
create trigger place_entry_append_only_update before update on place_entry
    for each row execute function refuse_change();
create trigger place_entry_append_only_delete before delete on place_entry
    for each row execute function refuse_change();
create trigger place_entry_append_only_truncate before truncate on place_entry
    for each statement execute function refuse_change();

-- An approval stands as it was given.
create trigger quota_approval_append_only_update before update on quota_approval
    for each row execute function refuse_change();
create trigger quota_approval_append_only_delete before delete on quota_approval
    for each row execute function refuse_change();
create trigger quota_approval_append_only_truncate before truncate on quota_approval
    for each statement execute function refuse_change();
