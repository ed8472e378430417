drop table dispute;
drop table claim;
