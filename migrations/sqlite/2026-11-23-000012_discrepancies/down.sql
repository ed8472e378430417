drop table claim_match;
drop table discrepancy_duty;
drop table discrepancy_entry;
drop table discrepancy_resolution;
drop table discrepancy;
