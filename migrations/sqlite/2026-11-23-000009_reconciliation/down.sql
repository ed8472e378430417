drop index worker_changed_index;
drop index exit_entry_recorded_index;
drop index observation_recorded_index;
drop index claim_recorded_index;
drop index claim_unplaced_index;
drop table reconciliation_row;
drop table reconciliation_run;
