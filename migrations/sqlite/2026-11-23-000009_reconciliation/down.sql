drop index claim_unplaced_index;
drop index claim_identity_index;
drop index worker_exchange_index;
drop table reconciliation_row;
drop table reconciliation_run;
