//! The schema: the same tables, columns, constraints and indexes on both back ends, and a way back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diesel::RunQueryDsl;
use diesel::sql_types::Text;
use labour_exchange::db::{DbConnection, Location, statement};

use crate::support::cluster;

/// A schema as lines that can be compared: `column party.name text not null`, `foreign key …`, `index …`.
type Shape = BTreeSet<String>;

const SQLITE_TABLES: &str = "select name from sqlite_master where type = 'table' and name not like 'sqlite\\_%' escape '\\' and name not like '\\_\\_diesel%' escape '\\'";

/// What each catalogue query of SQLite gives, one line per row.
const SQLITE: &[&str] = &[
    "select 'column ' || m.name || '.' || p.name || ' ' || lower(p.type) || case when p.\"notnull\" then ' not null' else '' end
       from sqlite_master m join pragma_table_info(m.name) p where m.name in (TABLES)",
    "select 'primary key ' || name || ' (' || group_concat(column_name, ',') || ')' from
       (select m.name as name, p.name as column_name from sqlite_master m join pragma_table_info(m.name) p
         where m.name in (TABLES) and p.pk > 0 order by m.name, p.pk) group by name",
    "select 'foreign key ' || name || ' (' || group_concat(here, ',') || ') to ' || target || ' (' || group_concat(there, ',') || ')' from
       (select m.name as name, f.id as id, f.\"table\" as target, f.\"from\" as here, f.\"to\" as there
          from sqlite_master m join pragma_foreign_key_list(m.name) f where m.name in (TABLES) order by m.name, f.id, f.seq)
       group by name, id, target",
    "select case when is_unique then 'unique ' else '' end || 'index ' || name || ' on ' || tbl || ' (' || group_concat(column_name, ',') || ')'
         || case when partial then ' where' else '' end from
       (select l.name as name, m.name as tbl, l.\"unique\" as is_unique, l.partial as partial, i.name as column_name
          from sqlite_master m join pragma_index_list(m.name) l join pragma_index_info(l.name) i
         where m.name in (TABLES) and l.origin = 'c' order by l.name, i.seqno) group by name, tbl, is_unique, partial",
    "select 'trigger ' || name || ' on ' || tbl_name from sqlite_master where type = 'trigger'",
];

/// The same of PostgreSQL.
const POSTGRES: &[&str] = &[
    "select 'column ' || table_name || '.' || column_name || ' ' ||
         case udt_name when 'uuid' then 'blob' when 'bytea' then 'blob' when 'int8' then 'integer' when 'int4' then 'integer'
              when 'bool' then 'integer' else cast(udt_name as text) end || case when is_nullable = 'NO' then ' not null' else '' end
       from information_schema.columns where table_schema = 'public' and table_name not like '\\_\\_diesel%'",
    "select 'primary key ' || r.relname || ' (' || string_agg(cast(a.attname as text), ',' order by k.place) || ')'
       from pg_constraint c join pg_class r on r.oid = c.conrelid cross join unnest(c.conkey) with ordinality k (number, place)
       join pg_attribute a on a.attrelid = r.oid and a.attnum = k.number
      where c.contype = 'p' and r.relnamespace = cast('public' as regnamespace) and r.relname not like '\\_\\_diesel%' group by c.oid, r.relname",
    "select 'foreign key ' || r.relname || ' (' || string_agg(cast(a.attname as text), ',' order by k.place) || ') to ' || t.relname
         || ' (' || string_agg(cast(b.attname as text), ',' order by k.place) || ')'
       from pg_constraint c join pg_class r on r.oid = c.conrelid join pg_class t on t.oid = c.confrelid
       cross join unnest(c.conkey, c.confkey) with ordinality k (here, there, place)
       join pg_attribute a on a.attrelid = r.oid and a.attnum = k.here join pg_attribute b on b.attrelid = t.oid and b.attnum = k.there
      where c.contype = 'f' group by c.oid, r.relname, t.relname",
    "select case when x.indisunique then 'unique ' else '' end || 'index ' || i.relname || ' on ' || r.relname || ' ('
         || string_agg(cast(a.attname as text), ',' order by k.place) || ')' || case when x.indpred is not null then ' where' else '' end
       from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class r on r.oid = x.indrelid
       cross join unnest(cast(x.indkey as smallint[])) with ordinality k (number, place)
       join pg_attribute a on a.attrelid = r.oid and a.attnum = k.number
      where r.relnamespace = cast('public' as regnamespace) and r.relname not like '\\_\\_diesel%'
        and not exists (select 1 from pg_constraint c where c.conindid = i.oid and c.contype in ('p', 'u'))
      group by i.relname, r.relname, x.indisunique, x.indpred is not null",
    // TRUNCATE, and so a guard against it, is PostgreSQL's alone.
    "select 'trigger ' || t.tgname || ' on ' || r.relname from pg_trigger t join pg_class r on r.oid = t.tgrelid where not t.tgisinternal and t.tgtype & 32 = 0",
];

const POSTGRES_CONSTRAINTS: &str = "select r.relname || ' ' || c.conname || ' ' || case c.contype when 'p' then 'primary' when 'f' then 'foreign' when 'u' then 'unique' else 'check' end
       from pg_constraint c join pg_class r on r.oid = c.conrelid
      where r.relnamespace = cast('public' as regnamespace) and c.contype in ('p', 'f', 'u', 'c') and r.relname not like '\\_\\_diesel%'";

fn lines(connection: &mut DbConnection, sql: String) -> Vec<String> {
    statement(sql.clone()).returning::<Text>().load(connection).unwrap_or_else(|cause| panic!("{cause}: {sql}"))
}

fn shape(connection: &mut DbConnection) -> Shape {
    let queries = if matches!(connection, DbConnection::Postgres(_)) { POSTGRES } else { SQLITE };
    queries.iter().flat_map(|query| lines(connection, query.replace("TABLES", SQLITE_TABLES))).collect()
}

/// Each named constraint with its table and its sort.
fn constraints(connection: &mut DbConnection) -> Shape {
    if matches!(connection, DbConnection::Postgres(_)) {
        return lines(connection, POSTGRES_CONSTRAINTS.to_owned()).into_iter().collect();
    }
    let tables = lines(connection, SQLITE_TABLES.to_owned());
    let mut found = Shape::new();
    for table in tables {
        let sql = lines(connection, format!("select sql from sqlite_master where name = '{table}'")).remove(0);
        for constraint in sql.split("constraint ").skip(1) {
            let mut words = constraint.split([' ', '(']);
            found.insert(format!("{table} {} {}", words.next().unwrap(), words.next().unwrap()));
        }
    }
    found
}

/// What only one of the two has.
fn assert_same(left: &Shape, right: &Shape, names: (&str, &str)) {
    let only = |here: &Shape, there: &Shape| here.difference(there).cloned().collect::<Vec<_>>();
    let (first, second) = (only(left, right), only(right, left));
    assert!(first.is_empty() && second.is_empty(), "only {}: {first:#?}\nonly {}: {second:#?}", names.0, names.1);
}

fn sqlite() -> (tempfile::TempDir, Location) {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::Sqlite(folder.path().join("exchange.db").to_str().unwrap().to_owned());
    (folder, location)
}

/// The schema on both back ends, freshly migrated.
fn both() -> [(Shape, Shape); 2] {
    let (_folder, sqlite) = sqlite();
    let database = cluster::fresh_database();
    [sqlite, Location::parse(&database.url).unwrap()].map(|location| {
        location.migrate().unwrap();
        let mut connection = location.open(false).unwrap();
        (shape(&mut connection), constraints(&mut connection))
    })
}

#[test]
fn each_migration_has_its_twin() {
    let names = |back_end: &str| -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(back_end);
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries
            .inspect(|path| {
                assert!(path.join("up.sql").is_file() && path.join("down.sql").is_file(), "{}", path.display());
            })
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names("sqlite"), names("postgres"));
}

#[test]
fn the_schema_goes_up_down_and_up_again() {
    let (_folder, sqlite) = sqlite();
    let database = cluster::fresh_database();
    for location in [sqlite, Location::parse(&database.url).unwrap()] {
        let ran = location.migrate().unwrap();
        assert!(!ran.is_empty() && location.migrate().unwrap().is_empty(), "a second start migrates nothing");
        let before = shape(&mut location.open(false).unwrap());
        assert!(!location.pending_migrations().unwrap());
        location.revert_all().unwrap();
        assert_eq!(shape(&mut location.open(false).unwrap()), Shape::new(), "nothing stays behind");
        assert!(location.pending_migrations().unwrap());
        assert_eq!(location.migrate().unwrap(), ran);
        assert_same(&before, &shape(&mut location.open(false).unwrap()), ("before", "after"));
    }
}

#[test]
fn both_back_ends_have_the_same_schema() {
    let [sqlite, postgres] = both();
    assert!(sqlite.0.len() > 200 && sqlite.1.len() > 100, "the catalogue was read");
    assert_same(&sqlite.0, &postgres.0, ("SQLite", "PostgreSQL"));
    assert_same(&sqlite.1, &postgres.1, ("SQLite", "PostgreSQL"));
}

#[test]
fn the_code_knows_the_columns_as_they_are() {
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/db/schema")).unwrap();
    let text: String = folder.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    let mut declared = Shape::new();
    for table in text.split("diesel::table! {").skip(1) {
        let body: Vec<&str> = table.lines().map(str::trim).collect();
        let head = body.iter().find(|line| line.ends_with(") {")).unwrap();
        let (name, key) = head.trim_end_matches(") {").split_once(" (").unwrap();
        declared.insert(format!("primary key {name} ({})", key.replace(' ', "")));
        for (column, kind) in body.iter().filter_map(|line| line.trim_end_matches(',').split_once(" -> ")) {
            let (kind, nullable) =
                kind.strip_prefix("Nullable<").map_or((kind, false), |kind| (kind.trim_end_matches('>'), true));
            let kind = match kind {
                "Uid" | "Binary" => "blob",
                "Text" => "text",
                "BigInt" | "Integer" | "Bool" => "integer",
                other => panic!("{name}.{column} is {other}"),
            };
            declared.insert(format!("column {name}.{column} {kind}{}", if nullable { "" } else { " not null" }));
        }
    }
    let [(sqlite, _), _] = both();
    let found =
        sqlite.into_iter().filter(|line| line.starts_with("column ") || line.starts_with("primary key ")).collect();
    assert_same(&declared, &found, ("db/schema", "the database"));
}

/// Without it each change of the row referred to reads the whole table that refers.
#[test]
fn every_foreign_key_has_an_index() {
    let [(shape, _), _] = both();
    let columns = |line: &str| line.split_once('(').unwrap().1.split_once(')').unwrap().0.to_owned();
    let mut indexes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in &shape {
        if let Some(rest) = line.strip_prefix("primary key ") {
            indexes.entry(rest.split(' ').next().unwrap().to_owned()).or_default().push(columns(line));
        } else if let Some((_, rest)) = line.split_once("index ").and_then(|(_, rest)| rest.split_once(" on "))
            && !line.ends_with(" where")
        {
            indexes.entry(rest.split(' ').next().unwrap().to_owned()).or_default().push(columns(line));
        }
    }
    let keys: Vec<&String> = shape.iter().filter(|line| line.starts_with("foreign key ")).collect();
    assert!(keys.len() > 20, "the catalogue was read");
    let bare: Vec<&&String> = keys
        .iter()
        .filter(|line| {
            let table = line.split(' ').nth(2).unwrap();
            let wanted: BTreeSet<String> = columns(line).split(',').map(str::to_owned).collect();
            let serves = |index: &String| {
                let first: BTreeSet<String> = index.split(',').take(wanted.len()).map(str::to_owned).collect();
                first == wanted
            };
            !indexes.get(table).is_some_and(|known| known.iter().any(serves))
        })
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
}

#[test]
fn a_mistyped_database_address_creates_nothing() {
    for url in ["", "sqlite:", "exchange.db", "mysql://localhost/exchange", "postgres:/localhost"] {
        assert!(Location::parse(url).is_err(), "{url}");
    }
}
