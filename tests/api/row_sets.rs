//! What goes into a set of rows comes out of it, whatever the back end makes of it on the way.

use diesel::RunQueryDsl;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text};
use labour_exchange::db::{Day, Id, Instant, RowSet, Uid, statement};

use crate::on_both;
use crate::support::TestApp;

type Row = (i64, Id, Option<Id>, Option<i64>, Option<String>, String, Vec<u8>, Option<Vec<u8>>, bool, i64);
type Types =
    (BigInt, Uid, Nullable<Uid>, Nullable<BigInt>, Nullable<Text>, Text, Binary, Nullable<Binary>, Bool, BigInt);

fn row(number: usize) -> Row {
    let even = number.is_multiple_of(2);
    let ordinal = i64::try_from(number).unwrap();
    let text = match number % 50 {
        0 => String::new(),
        1 => "'; -- \"quoted\" \\ ? $1 \n\t".to_owned(),
        2 => "劳务协作 🚌".repeat(2_000),
        3 => "null".to_owned(),
        _ => format!("{{\"a\": [{number}]}}"),
    };
    let id = if number == 0 { Id::NIL } else { Id::new() };
    let digest = [u8::try_from(number % 256).unwrap(); 32];
    let maybe_text = (!even).then(|| "0".to_owned());
    (
        ordinal,
        id,
        even.then_some(Id::NIL),
        even.then_some(i64::MIN + ordinal),
        maybe_text,
        text,
        digest.to_vec(),
        even.then(Vec::new),
        even,
        7,
    )
}

fn set(rows: &[Row]) -> RowSet<&Row> {
    RowSet::of(rows)
        .column("id", |row| row.1)
        .column("maybe_id", |row| row.2)
        .column("number", |row| row.3)
        .shared("agreement_id", Id::NIL)
        .column("maybe_text", |row| row.4.as_deref())
        .column("words", |row| row.5.as_str())
        .column("digest", |row| <[u8; 32]>::try_from(row.6.as_slice()).unwrap())
        .column("maybe_bytes", |row| row.7.as_deref())
        .column("flag", |row| row.8)
        .shared("common", 7_i64)
}

on_both! {
    /// Ids, numbers, texts, bytes and what is missing, of no row, of one, and of the most a call may have.
    async fn rows_come_out_as_they_went_in(app: TestApp) {
        for count in [0, 1, 5_000] {
            let rows: Vec<Row> = (0..count).map(row).collect();
            let expected = rows.clone();
            let read = app.state.db.read(move |connection| {
                let query = statement(
                    "select r.ordinal, r.id, r.maybe_id, r.number, r.maybe_text, r.words, r.digest, r.maybe_bytes, r.flag, r.common \
                     from ? r where r.agreement_id = ? order by r.ordinal",
                );
                Ok(query.bind(set(&rows)).bind(Id::NIL).returning::<Types>().load::<Row>(connection)?)
            });
            let read = read.await.unwrap();
            assert!(read == expected, "{count} rows");
        }
    }

    /// A set of one column is written more shortly than one of several, and one of ids alone more shortly still.
    async fn a_single_column_is_a_set_too(app: TestApp) {
        let day = Day::parse("2026-03-02").unwrap();
        let read = app.state.db.read(move |connection| {
            let texts = statement("select r.word from ? r order by r.ordinal").bind(RowSet::list("word", ["b", "", "[0]"]));
            let days = statement("select r.day from ? r order by r.ordinal").bind(RowSet::list("day", [Some(day), None]));
            let numbers = statement("select r.at from ? r order by r.ordinal");
            let numbers = numbers.bind(RowSet::list("at", [Instant::from_micros(-1), Instant::from_micros(2)]));
            let flags = statement("select r.flag from ? r order by r.ordinal").bind(RowSet::list("flag", [true, false]));
            let ids = statement("select r.id from ? r order by r.ordinal").bind(RowSet::list("id", [Id::NIL, Id::NIL]));
            Ok((
                texts.returning::<Text>().load::<String>(connection)?,
                days.returning::<Nullable<Text>>().load::<Option<Day>>(connection)?,
                numbers.returning::<BigInt>().load::<Instant>(connection)?,
                flags.returning::<Bool>().load::<bool>(connection)?,
                ids.returning::<Uid>().load::<Id>(connection)?,
            ))
        });
        let (texts, days, numbers, flags, ids) = read.await.unwrap();
        assert_eq!(texts, ["b", "", "[0]"]);
        assert_eq!(days, [Some(day), None]);
        assert_eq!(numbers.iter().map(|at| at.as_micros()).collect::<Vec<_>>(), [-1, 2]);
        assert_eq!(flags, [true, false]);
        assert_eq!(ids, [Id::NIL, Id::NIL]);
    }
}
