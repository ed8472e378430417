drop table roster_return;
drop table open_placement;
drop table placement;
drop table dispatch;
