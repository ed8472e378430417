//! The register of parties, and the zones (园区) that some stand for.

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    zone (id) {
        id -> Uid,
        name -> Text,
        host_code -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use crate::db::columns::Uid;

    party (id) {
        id -> Uid,
        name -> Text,
        kind -> Text,
        region_code -> Nullable<Text>,
        zone_id -> Nullable<Uid>,
        credit_code -> Nullable<Text>,
        state -> Text,
        tokens_void_before -> Nullable<BigInt>,
        version -> BigInt,
        created_at -> BigInt,
        updated_at -> BigInt,
    }
}
