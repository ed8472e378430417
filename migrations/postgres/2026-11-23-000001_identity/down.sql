drop table used_assertion;
drop table client_key;
drop table client;
drop table party;
drop table zone;
