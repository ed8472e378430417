//! How well the matcher links, printed and guarded: `cargo test --lib linkage::benchmarks -- --nocapture`.
//!
//! The floors lie a little below what was measured, so that a change for the worse fails here and not at a county. The truth is only used
//! to count.

use super::comparison::Comparator;
use super::fields::{Field, Record};
use super::generator::{GeneratedRosters, GeneratedRow, generate};
use super::links::Decision;
use super::quality::Quality;
use super::{Linkage, Settings, link, roster};
use std::collections::{BTreeMap, BTreeSet};

/// Quality of the automatic links, and of these with the ones proposed for review.
fn qualities(linkage: &Linkage<String>, truth: &BTreeSet<(String, String)>) -> (Quality, Quality) {
    let links = |wanted: &[Decision]| {
        let rows = linkage.rows.iter().filter(|row| wanted.contains(&row.decision));
        let pairs: Vec<_> = rows.filter_map(|row| Some((row.left.clone(), row.partner()?.right.clone()))).collect();
        Quality::of(pairs, truth)
    };
    (links(&[Decision::Automatic]), links(&[Decision::Automatic, Decision::Review]))
}

fn print(name: &str, linkage: &Linkage<String>, (automatic, proposed): (Quality, Quality)) {
    let ambiguous = linkage.rows.iter().filter(|row| row.decision == Decision::Ambiguous).count();
    println!("{name}: {} pairs compared, {ambiguous} rows ambiguous", linkage.compared_pairs);
    println!("  automatic links        {automatic}");
    println!("  with those for review  {proposed}");
}

/// The cells after the id, as many as there are fields; the identity column comes behind them.
fn records<'a>(rows: &[&'a csv::StringRecord], fields: usize) -> Vec<Record<'a, String>> {
    rows.iter().map(|row| Record::new(row[0].to_owned(), row.iter().skip(1).take(fields))).collect()
}

/// Data set 3 of FEBRL: every original against the first of its duplicates, without the identity column.
#[test]
fn febrl_without_its_identity_column() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/febrl/dataset3.csv");
    let rows: Vec<csv::StringRecord> = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .unwrap()
        .into_records()
        .collect::<Result<_, _>>()
        .unwrap();
    let fields = [
        Field::new("given_name", Comparator::Name),
        Field::new("surname", Comparator::Name),
        Field::new("street_number", Comparator::Code),
        Field::new("address_1", Comparator::Text),
        Field::new("address_2", Comparator::Text),
        Field::new("suburb", Comparator::Text),
        Field::new("postcode", Comparator::Code),
        Field::new("state", Comparator::Exact),
        Field::new("date_of_birth", Comparator::Date),
    ];
    let person = |id: &str| id.split('-').nth(1).unwrap().to_owned();
    let (originals, mut duplicates): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row[0].ends_with("-org"));
    duplicates.sort_by_key(|row| (person(&row[0]), row[0].to_owned()));
    duplicates.dedup_by_key(|row| person(&row[0]));
    assert_eq!((originals.len(), duplicates.len()), (2_000, 1_165));

    let truth: BTreeSet<_> =
        duplicates.iter().map(|row| (format!("rec-{}-org", person(&row[0])), row[0].to_owned())).collect();
    let settings = Settings::for_fields(&fields);
    let linkage =
        link(&fields, &records(&originals, fields.len()), &records(&duplicates, fields.len()), &settings).unwrap();
    let (automatic, proposed) = qualities(&linkage, &truth);
    print("FEBRL 3", &linkage, (automatic, proposed));
    assert!(automatic.precision() >= 0.999 && automatic.recall() >= 0.99, "{automatic}");
    assert!(proposed.f1() >= 0.998, "{proposed}");
}

fn truth(rosters: &GeneratedRosters) -> BTreeSet<(String, String)> {
    let of_person: BTreeMap<u32, &String> = rosters.destination.iter().map(|row| (row.person, &row.key)).collect();
    let pairs = rosters.origin.iter().filter_map(|row| Some((row.key.clone(), (*of_person.get(&row.person)?).clone())));
    pairs.collect()
}

/// Generated Chinese rosters, of which the two lists have four people of five in common.
#[test]
fn chinese_rosters_with_the_faults_of_rosters() {
    let rosters = generate(1_000, 1);
    let (left, right): (Vec<_>, Vec<_>) = (
        rosters.origin.iter().map(GeneratedRow::record).collect(),
        rosters.destination.iter().map(GeneratedRow::record).collect(),
    );
    let linkage = link(&roster::fields(), &left, &right, &roster::settings()).unwrap();
    let (automatic, proposed) = qualities(&linkage, &truth(&rosters));
    print("Chinese rosters", &linkage, (automatic, proposed));
    assert!(automatic.precision() >= 0.999 && automatic.recall() >= 0.94, "{automatic}");
    assert!(proposed.precision() >= 0.99 && proposed.f1() >= 0.99, "{proposed}");
    assert_eq!(linkage.oversized_blocks, []);
}

/// Where nobody is in both lists, the method must not find the likeliest strangers and call them one person.
#[test]
fn rosters_that_have_nobody_in_common_are_not_linked() {
    let (one, other) = (generate(200, 1), generate(200, 2));
    let left: Vec<_> = one.origin.iter().map(GeneratedRow::record).collect();
    let right: Vec<_> = other.destination.iter().map(GeneratedRow::record).collect();
    let linkage = link(&roster::fields(), &left, &right, &roster::settings()).unwrap();
    let of = |decision| linkage.rows.iter().filter(|row| row.decision == decision).count();
    println!("strangers: {} automatic, {} for review", of(Decision::Automatic), of(Decision::Review));
    assert_eq!(of(Decision::Automatic), 0);
    assert!(of(Decision::Review) <= 4);
}
