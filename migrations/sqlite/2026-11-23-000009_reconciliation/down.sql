drop index claim_unplaced_index;
drop table reconciliation_row;
drop table reconciliation_run;
