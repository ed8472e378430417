//! The register of workers: sealed identities, groups with their days, and who has read an identity.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    worker (party_id, id) {
        party_id -> Uid,
        id -> Uid,
        partner_ref -> Nullable<Text>,
        name_sealed -> Nullable<Binary>,
        identity_sealed -> Nullable<Binary>,
        phone_sealed -> Nullable<Binary>,
        identity_index -> Nullable<Binary>,
        exchange_index -> Nullable<Binary>,
        person_id -> Uid,
        name_index -> Nullable<Binary>,
        sex -> Text,
        birth_year -> Nullable<BigInt>,
        hukou_code -> Text,
        state -> Text,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    worker_group (party_id, worker_id, group_code, valid_from) {
        party_id -> Uid,
        worker_id -> Uid,
        group_code -> Text,
        valid_from -> Text,
        valid_to -> Nullable<Text>,
        source -> Text,
        recorded_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    identity_read (party_id, id) {
        party_id -> Uid,
        id -> Uid,
        worker_id -> Uid,
        client_id -> Uid,
        reader_party_id -> Uid,
        purpose -> Text,
        request_id -> Nullable<Uid>,
        read_at -> BigInt,
    }
}
