drop table retention_due;
drop table tally;
drop table retention_check;
drop table observation;
drop table exit_entry;
drop table employment_spell;
