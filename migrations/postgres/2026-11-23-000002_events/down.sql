drop table idempotency_key;
drop table feed_head;
drop table event;
drop table chain_head;
drop function refuse_change();
