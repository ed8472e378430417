create table employment_spell (
    agreement_id uuid not null,
    id uuid not null,
    placement_id uuid not null,
    employer_id uuid,
    region_code text collate "C" not null,
    started_on text collate "C" not null,
    ended_on text collate "C",
    grain text collate "C" not null,
    end_reason text collate "C",
    reported_by uuid not null,
    recorded_at bigint not null,
    constraint employment_spell_pkey primary key (agreement_id, id),
    constraint employment_spell_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint employment_spell_employer_fkey foreign key (employer_id) references party (id),
    constraint employment_spell_reporter_fkey foreign key (reported_by) references party (id),
    constraint employment_spell_grain_known check (grain in ('day', 'month')),
    constraint employment_spell_days_ordered check (ended_on is null or ended_on >= started_on)
);
create index employment_spell_placement_index on employment_spell (agreement_id, placement_id);
create index employment_spell_employer_index on employment_spell (employer_id);
create index employment_spell_reporter_index on employment_spell (reported_by);

-- Every exit as it was reported, corrected or withdrawn; the spell and the placement keep the latest form only.
create table exit_entry (
    agreement_id uuid not null,
    id uuid not null,
    placement_id uuid not null,
    spell_id uuid not null,
    kind text collate "C" not null,
    ended_on text collate "C" not null,
    grain text collate "C" not null,
    reason text collate "C" not null,
    late boolean not null,
    placement_ended_on text collate "C",
    reported_by uuid not null,
    recorded_at bigint not null,
    constraint exit_entry_pkey primary key (agreement_id, id),
    constraint exit_entry_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint exit_entry_spell_fkey foreign key (agreement_id, spell_id) references employment_spell (agreement_id, id),
    constraint exit_entry_reporter_fkey foreign key (reported_by) references party (id),
    constraint exit_entry_kind_known check (kind in ('reported', 'withdrawn')),
    constraint exit_entry_grain_known check (grain in ('day', 'month'))
);
create index exit_entry_placement_index on exit_entry (agreement_id, placement_id);
create index exit_entry_spell_index on exit_entry (agreement_id, spell_id);
create index exit_entry_reporter_index on exit_entry (reported_by);

create table observation (
    agreement_id uuid not null,
    id uuid not null,
    placement_id uuid not null,
    observer_id uuid not null,
    client_ref text collate "C",
    in_post boolean not null,
    seen_from text collate "C" not null,
    seen_to text collate "C" not null,
    employer_id uuid,
    region_code text collate "C",
    evidence text collate "C" not null,
    source text collate "C" not null,
    monthly_wage_fen bigint,
    content_hash bytea not null,
    recorded_at bigint not null,
    constraint observation_pkey primary key (agreement_id, id),
    constraint observation_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint observation_observer_fkey foreign key (observer_id) references party (id),
    constraint observation_employer_fkey foreign key (employer_id) references party (id),
    constraint observation_days_ordered check (seen_to >= seen_from),
    constraint observation_evidence_known check (evidence in ('e0', 'e1', 'e2', 'e3', 'e4', 'e5')),
    constraint observation_source_known check (source in ('employer_roster', 'wage_ledger', 'social_insurance', 'station_visit', 'phone_call', 'registration')),
    constraint observation_wage_sign check (monthly_wage_fen is null or monthly_wage_fen >= 0),
    constraint observation_client_ref_length check (client_ref is null or length(client_ref) between 1 and 100)
);
create unique index observation_client_ref_unique on observation (observer_id, client_ref);
create index observation_placement_index on observation (agreement_id, placement_id);
create index observation_employer_index on observation (employer_id);

-- Only what the facts have decided is stored; "not due" and "unverifiable" come from the clock.
create table retention_check (
    agreement_id uuid not null,
    placement_id uuid not null,
    node text collate "C" not null,
    due_on text collate "C" not null,
    state text collate "C" not null,
    evidence text collate "C",
    decided_by uuid,
    reason text collate "C" not null,
    constraint retention_check_pkey primary key (agreement_id, placement_id, node),
    constraint retention_check_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint retention_check_state_known check (state in ('pending', 'retained', 'left')),
    constraint retention_check_evidence_known check (evidence is null or evidence in ('e0', 'e1', 'e2', 'e3', 'e4', 'e5'))
);
create index retention_check_due_index on retention_check (agreement_id, node, due_on);
-- Checks of people who are known to have left: they are decided by the day alone.
create index retention_check_awaiting_index on retention_check (agreement_id, due_on) where reason = 'awaits_due_day';

-- Counters that officials read, kept in the transaction of the fact: persons are distinct, placements are person-times.
-- quota_id of the whole agreement is the nil id; scope and population 'any' and 'all' are the totals, counted anew, never summed.
create table tally (
    agreement_id uuid not null,
    plan_year bigint not null,
    quota_id uuid not null,
    scope text collate "C" not null,
    population text collate "C" not null,
    measure text collate "C" not null,
    node text collate "C" not null,
    standing text collate "C" not null,
    persons bigint not null,
    placements bigint not null,
    constraint tally_pkey primary key (agreement_id, plan_year, quota_id, scope, population, measure, node, standing),
    constraint tally_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint tally_measure_known check (measure in ('dispatched', 'onboarded', 'not_arrived', 'retained', 'left', 'ended')),
    constraint tally_population_known check (population in ('all', 'lifted', 'monitored')),
    constraint tally_scope_known check (scope in ('any', 'outside_province', 'outside_prefecture', 'inside_prefecture', 'inside_county')),
    constraint tally_standing_known check (standing in ('certain', 'probable', 'disputed')),
    constraint tally_sign check (persons >= 0 and placements >= persons)
);

-- How many placements fall due on which day: what is due by a day is a sum over days, never over placements.
create table retention_due (
    agreement_id uuid not null,
    plan_year bigint not null,
    quota_id uuid not null,
    node text collate "C" not null,
    due_on text collate "C" not null,
    placements bigint not null,
    constraint retention_due_pkey primary key (agreement_id, plan_year, quota_id, node, due_on),
    constraint retention_due_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint retention_due_sign check (placements >= 0)
);

-- What was seen stays as it was reported.
create trigger observation_append_only_update before update on observation
    for each row execute function refuse_change();
create trigger observation_append_only_delete before delete on observation
    for each row execute function refuse_change();
create trigger observation_append_only_truncate before truncate on observation
    for each statement execute function refuse_change();

-- What was reported of an exit stays; a correction or a withdrawal is an entry of its own.
create trigger exit_entry_append_only_update before update on exit_entry
    for each row execute function refuse_change();
create trigger exit_entry_append_only_delete before delete on exit_entry
    for each row execute function refuse_change();
create trigger exit_entry_append_only_truncate before truncate on exit_entry
    for each statement execute function refuse_change();
