drop table key_ring;
