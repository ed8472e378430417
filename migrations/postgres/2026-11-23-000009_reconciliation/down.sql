drop table reconciliation_row;
drop table reconciliation_run;
