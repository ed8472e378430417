drop table open_placement;
drop table placement;
drop table dispatch;
