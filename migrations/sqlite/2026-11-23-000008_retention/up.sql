create table employment_spell (
    agreement_id blob not null,
    id blob not null,
    placement_id blob not null,
    employer_id blob,
    region_code text not null,
    started_on text not null,
    ended_on text,
    grain text not null,
    end_reason text,
    reported_by blob not null,
    recorded_at integer not null,
    constraint employment_spell_pkey primary key (agreement_id, id),
    constraint employment_spell_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint employment_spell_employer_fkey foreign key (employer_id) references party (id),
    constraint employment_spell_reporter_fkey foreign key (reported_by) references party (id),
    constraint employment_spell_grain_known check (grain = 'day' or grain = 'month'),
    constraint employment_spell_days_ordered check (ended_on is null or ended_on >= started_on)
) strict, without rowid;
create index employment_spell_placement_index on employment_spell (agreement_id, placement_id);
create index employment_spell_employer_index on employment_spell (employer_id);
create index employment_spell_reporter_index on employment_spell (reported_by);

-- Every exit as it was reported, corrected or withdrawn; the spell and the placement keep the latest form only.
create table exit_entry (
    agreement_id blob not null,
    id blob not null,
    placement_id blob not null,
    spell_id blob not null,
    kind text not null,
    ended_on text not null,
    grain text not null,
    reason text not null,
    late integer not null,
    placement_ended_on text,
    reported_by blob not null,
    recorded_at integer not null,
    constraint exit_entry_pkey primary key (agreement_id, id),
    constraint exit_entry_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint exit_entry_spell_fkey foreign key (agreement_id, spell_id) references employment_spell (agreement_id, id),
    constraint exit_entry_reporter_fkey foreign key (reported_by) references party (id),
    constraint exit_entry_kind_known check (kind = 'reported' or kind = 'withdrawn'),
    constraint exit_entry_grain_known check (grain = 'day' or grain = 'month')
) strict, without rowid;
create index exit_entry_placement_index on exit_entry (agreement_id, placement_id);
create index exit_entry_spell_index on exit_entry (agreement_id, spell_id);
create index exit_entry_reporter_index on exit_entry (reported_by);

create table observation (
    agreement_id blob not null,
    id blob not null,
    placement_id blob not null,
    observer_id blob not null,
    client_ref text,
    in_post integer not null,
    seen_from text not null,
    seen_to text not null,
    employer_id blob,
    region_code text,
    evidence text not null,
    source text not null,
    monthly_wage_fen integer,
    content_hash blob not null,
    recorded_at integer not null,
    constraint observation_pkey primary key (agreement_id, id),
    constraint observation_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint observation_observer_fkey foreign key (observer_id) references party (id),
    constraint observation_employer_fkey foreign key (employer_id) references party (id),
    constraint observation_days_ordered check (seen_to >= seen_from),
    constraint observation_evidence_known check (evidence = 'e0' or evidence = 'e1' or evidence = 'e2' or evidence = 'e3' or evidence = 'e4' or evidence = 'e5'),
    constraint observation_source_known check (source = 'employer_roster' or source = 'wage_ledger' or source = 'social_insurance' or source = 'station_visit' or source = 'phone_call' or source = 'registration'),
    constraint observation_wage_sign check (monthly_wage_fen is null or monthly_wage_fen >= 0),
    constraint observation_client_ref_length check (client_ref is null or length(client_ref) between 1 and 100)
) strict, without rowid;
create unique index observation_client_ref_unique on observation (observer_id, client_ref);
create index observation_placement_index on observation (agreement_id, placement_id);
create index observation_employer_index on observation (employer_id);

-- Only what the facts have decided is stored; "not due" and "unverifiable" come from the clock.
create table retention_check (
    agreement_id blob not null,
    placement_id blob not null,
    node text not null,
    due_on text not null,
    state text not null,
    evidence text,
    decided_by blob,
    reason text not null,
    constraint retention_check_pkey primary key (agreement_id, placement_id, node),
    constraint retention_check_placement_fkey foreign key (agreement_id, placement_id) references placement (agreement_id, id),
    constraint retention_check_state_known check (state = 'pending' or state = 'retained' or state = 'left'),
    constraint retention_check_evidence_known check (evidence is null or (evidence = 'e0' or evidence = 'e1' or evidence = 'e2' or evidence = 'e3' or evidence = 'e4' or evidence = 'e5'))
) strict, without rowid;
create index retention_check_due_index on retention_check (agreement_id, node, due_on);
-- Checks of people who are known to have left: they are decided by the day alone.
create index retention_check_awaiting_index on retention_check (agreement_id, due_on) where reason = 'awaits_due_day';

-- Counters that officials read, kept in the transaction of the fact: persons are distinct, placements are person-times.
-- quota_id of the whole agreement is the nil id; scope and population 'any' and 'all' are the totals, counted anew, never summed.
create table tally (
    agreement_id blob not null,
    plan_year integer not null,
    quota_id blob not null,
    scope text not null,
    population text not null,
    measure text not null,
    node text not null,
    standing text not null,
    persons integer not null,
    placements integer not null,
    constraint tally_pkey primary key (agreement_id, plan_year, quota_id, scope, population, measure, node, standing),
    constraint tally_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint tally_measure_known check (measure = 'dispatched' or measure = 'onboarded' or measure = 'not_arrived' or measure = 'retained' or measure = 'left' or measure = 'ended'),
    constraint tally_population_known check (population = 'all' or population = 'lifted' or population = 'monitored'),
    constraint tally_scope_known check (scope = 'any' or scope = 'outside_province' or scope = 'outside_prefecture' or scope = 'inside_prefecture' or scope = 'inside_county'),
    constraint tally_standing_known check (standing = 'certain' or standing = 'probable' or standing = 'disputed'),
    constraint tally_sign check (persons >= 0 and placements >= persons)
) strict, without rowid;

-- How many placements fall due on which day: what is due by a day is a sum over days, never over placements.
create table retention_due (
    agreement_id blob not null,
    plan_year integer not null,
    quota_id blob not null,
    node text not null,
    due_on text not null,
    placements integer not null,
    constraint retention_due_pkey primary key (agreement_id, plan_year, quota_id, node, due_on),
    constraint retention_due_agreement_fkey foreign key (agreement_id) references agreement (id),
    constraint retention_due_sign check (placements >= 0)
) strict, without rowid;

-- What was seen stays as it was reported.
create trigger observation_append_only_update before update on observation
begin
    select raise(abort, 'observation is append-only');
end;
create trigger observation_append_only_delete before delete on observation
begin
    select raise(abort, 'observation is append-only');
end;

-- What was reported of an exit stays; a correction or a withdrawal is an entry of its own.
create trigger exit_entry_append_only_update before update on exit_entry
begin
    select raise(abort, 'exit_entry is append-only');
end;
create trigger exit_entry_append_only_delete before delete on exit_entry
begin
    select raise(abort, 'exit_entry is append-only');
end;
