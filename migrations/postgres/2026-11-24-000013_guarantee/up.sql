-- Another worker owed in the place of one who left within the guarantee. Open or lapsed is told by the day.
create table replacement_duty (
    agreement_id uuid not null,
    id uuid not null,
    placement_id uuid not null,
    owner_id uuid not null,
    employer_id uuid not null,
    quota_id uuid,
    reason text collate "C" not null,
    ended_on text collate "C" not null,
    window_days bigint not null,
    due_on text collate "C" not null,
    state text collate "C" not null,
    replacement_id uuid,
    waived_by uuid,
    waiver_reason text collate "C",
    version bigint not null,
    opened_at bigint not null,
    updated_at bigint not null,
    constraint replacement_duty_pkey primary key (agreement_id, id),
    constraint replacement_duty_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint replacement_duty_owner_fkey foreign key (owner_id) references party (id),
    constraint replacement_duty_employer_fkey foreign key (employer_id) references party (id),
    constraint replacement_duty_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id),
    constraint replacement_duty_replacement_fkey foreign key (agreement_id, replacement_id) references placement (agreement_id, id),
    constraint replacement_duty_waived_by_fkey foreign key (waived_by) references party (id),
    constraint replacement_duty_state_known check (state in ('open', 'fulfilled', 'waived', 'cancelled')),
    constraint replacement_duty_replacement_when check ((state = 'fulfilled') = (replacement_id is not null)),
    constraint replacement_duty_waived_when check ((state = 'waived') = (waived_by is not null) and (waived_by is null) = (waiver_reason is null)),
    constraint replacement_duty_another_placement check (replacement_id is null or replacement_id <> placement_id),
    constraint replacement_duty_waiver_reason_length check (waiver_reason is null or length(waiver_reason) between 1 and 500),
    constraint replacement_duty_version_positive check (version > 0)
);
create unique index replacement_duty_placement_unique on replacement_duty (agreement_id, placement_id);
create unique index replacement_duty_replacement_unique on replacement_duty (agreement_id, replacement_id);
create index replacement_duty_owner_index on replacement_duty (owner_id);
create index replacement_duty_employer_index on replacement_duty (employer_id);
create index replacement_duty_quota_index on replacement_duty (agreement_id, quota_id);
create index replacement_duty_waived_by_index on replacement_duty (waived_by);

-- Where the place of a placement lies since its worker moved to another employer; no quota: it takes none. The ledger keeps each move.
create table transferred_place (
    agreement_id uuid not null,
    placement_id uuid not null,
    quota_id uuid,
    moved_at bigint not null,
    constraint transferred_place_pkey primary key (agreement_id, placement_id),
    constraint transferred_place_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint transferred_place_quota_fkey foreign key (agreement_id, quota_id) references quota (agreement_id, id)
);
create index transferred_place_quota_index on transferred_place (agreement_id, quota_id);
