-- Another worker owed in the place of one who left within the guarantee. Open or lapsed is told by the day.
create table replacement_duty (
    agreement_id blob not null,
    id blob not null,
    placement_id blob not null,
    owner_id blob not null,
    employer_id blob not null,
    quota_id blob,
    reason text not null,
    ended_on text not null,
    window_days integer not null,
    due_on text not null,
    state text not null,
    replacement_id blob,
    waived_by blob,
    waiver_reason text,
    version integer not null,
    opened_at integer not null,
    updated_at integer not null,
    constraint replacement_duty_pkey primary key (agreement_id, id),
    constraint replacement_duty_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint replacement_duty_owner_fkey foreign key (owner_id) references party (id),
    constraint replacement_duty_employer_fkey foreign key (employer_id) references party (id),
    constraint replacement_duty_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id),
    constraint replacement_duty_replacement_fkey foreign key (agreement_id, replacement_id) references placement (agreement_id, id),
    constraint replacement_duty_waived_by_fkey foreign key (waived_by) references party (id),
    constraint replacement_duty_state_known check (state = 'open' or state = 'fulfilled' or state = 'waived' or state = 'cancelled'),
    constraint replacement_duty_replacement_when check ((state = 'fulfilled') = (replacement_id is not null)),
    constraint replacement_duty_waived_when check ((state = 'waived') = (waived_by is not null) and (waived_by is null) = (waiver_reason is null)),
    constraint replacement_duty_another_placement check (replacement_id is null or replacement_id <> placement_id),
    constraint replacement_duty_waiver_reason_length check (waiver_reason is null or length(waiver_reason) between 1 and 500),
    constraint replacement_duty_version_positive check (version > 0)
) strict, without rowid;
create unique index replacement_duty_placement_unique on replacement_duty (agreement_id, placement_id);
create unique index replacement_duty_replacement_unique on replacement_duty (agreement_id, replacement_id);
create index replacement_duty_owner_index on replacement_duty (owner_id);
create index replacement_duty_employer_index on replacement_duty (employer_id);
create index replacement_duty_quota_index on replacement_duty (agreement_id, quota_id);
create index replacement_duty_waived_by_index on replacement_duty (waived_by);

-- Where the place of a placement lies since its worker moved to another employer; no quota: it takes none. The ledger keeps each move.
create table transferred_place (
    agreement_id blob not null,
    placement_id blob not null,
    quota_id blob,
    moved_at integer not null,
    constraint transferred_place_pkey primary key (agreement_id, placement_id),
    constraint transferred_place_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint transferred_place_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id)
) strict, without rowid;
create index transferred_place_quota_index on transferred_place (agreement_id, quota_id);
