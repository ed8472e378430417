-- The key ring this database was first opened with: what it sealed and indexed is of no use under another.
create table key_ring (
    id integer not null,
    fingerprint text not null,
    bound_at integer not null,
    constraint key_ring_pkey primary key (id),
    constraint key_ring_single check (id = 1),
    constraint key_ring_fingerprint_length check (length(fingerprint) = 16)
) strict;
