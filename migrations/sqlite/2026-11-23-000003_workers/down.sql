drop table identity_read;
drop table worker_group;
drop table worker;
