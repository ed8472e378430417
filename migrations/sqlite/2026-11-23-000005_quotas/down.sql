drop table place_hold;
drop table place_entry;
drop table place_account;
drop table quota_approval;
drop table quota;
