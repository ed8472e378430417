drop index event_id_index;
drop table webhook_delivery;
drop table webhook_secret;
drop table webhook_endpoint;
