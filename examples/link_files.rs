//! Links the rows of two CSV files by a list of fields and says why: `cargo run --release --example link_files -- --help`.
//!
//! ```sh
//! link_files roster --rows 5000 --seed 1 --out /tmp/rosters            # two invented rosters with a truth column
//! link_files link --roster --left /tmp/rosters/origin.csv --right /tmp/rosters/destination.csv --key 行号 --truth 真值
//! link_files split tests/data/febrl/dataset3.csv --out /tmp/febrl      # each original, and its first duplicate
//! link_files link --left /tmp/febrl/originals.csv --right /tmp/febrl/duplicates.csv --key rec_id --truth person \
//!     --field given_name=name --field surname=name --field date_of_birth=date --field postcode=code
//! ```
//!
//! The truth column is used for nothing but the figures at the end; the matcher never sees it.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, Parser, Subcommand};
use labour_exchange::linkage::blocking::{BlockingKey, KeyForm};
use labour_exchange::linkage::comparison::Comparator;
use labour_exchange::linkage::explanation::Language;
use labour_exchange::linkage::fields::{Field, Record};
use labour_exchange::linkage::generator::{COLUMNS, GeneratedRow, generate};
use labour_exchange::linkage::links::Decision;
use labour_exchange::linkage::quality::Quality;
use labour_exchange::linkage::{Linkage, Settings, compared_pairs, link, roster};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Links the rows of two CSV files by learnt field weights, and measures the links where the truth is known.
#[derive(Parser)]
#[command(name = "link_files")]
struct Program {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Link two files.
    Link(Box<Link>),
    /// Write two invented Chinese rosters, origin.csv and destination.csv, with the truth in column 真值.
    Roster {
        /// Rows of each roster.
        #[arg(long, default_value_t = 5_000)]
        rows: u32,
        /// The same seed gives the same rosters.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Folder to write to.
        #[arg(long)]
        out: PathBuf,
    },
    /// Split a FEBRL file (rec_id = rec-N-org, rec-N-dup-M) into originals.csv and duplicates.csv: each original, and one of its
    /// duplicates where it has any. A column `person` gets the truth; `soc_sec_id` is left out.
    Split {
        /// The FEBRL file.
        file: PathBuf,
        /// Which duplicate: 0 for the first.
        #[arg(long, default_value_t = 0)]
        duplicate: usize,
        /// Folder to write to.
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Args)]
struct Link {
    /// The file whose rows look for a partner; UTF-8 with a header.
    #[arg(long)]
    left: PathBuf,
    /// The file in which they look.
    #[arg(long)]
    right: PathBuf,
    /// A field, once for each: COLUMN=COMPARATOR, one of exact, text, name, code, date, name_zh, sex, phone, id, place. `name`,
    /// `name_zh` and `sex` count, but link nobody without another field.
    #[arg(long = "field", value_name = "COLUMN=COMPARATOR", value_parser = field, required_unless_present = "roster")]
    fields: Vec<Field>,
    /// The fields, columns and blocking of Chinese rosters, as `link_files roster` writes them.
    #[arg(long, conflicts_with_all = ["fields", "blocks"])]
    roster: bool,
    /// A blocking key, once for each: COLUMN:FORM, several with + between; FORM is whole, sound, start, month or tail. Without any, one key
    /// per field.
    #[arg(long = "block", value_name = "COLUMN:FORM[+COLUMN:FORM]")]
    blocks: Vec<String>,
    /// The column that names a row; row numbers without it.
    #[arg(long)]
    key: Option<String>,
    /// The column that tells the truth: two rows are one person when it is equal. For the figures at the end only.
    #[arg(long)]
    truth: Option<String>,
    /// Link automatically above this probability.
    #[arg(long, default_value_t = 0.999)]
    automatic: f64,
    /// Propose to a person above this probability.
    #[arg(long, default_value_t = 0.5)]
    review: f64,
    /// How many rows of each decision to explain, in Chinese and English.
    #[arg(long, default_value_t = 2)]
    explain: usize,
    /// Write left key, right key, decision, score and probability of every link here.
    #[arg(long)]
    links_out: Option<PathBuf>,
    /// Write left key and right key of every compared pair here.
    #[arg(long)]
    pairs_out: Option<PathBuf>,
}

/// A file's rows: their cells in the order of the fields, and the truth of each.
struct Rows {
    records: Vec<Record<'static, String>>,
    truth: BTreeMap<String, String>,
}

fn main() -> Result<()> {
    match Program::parse().task {
        Task::Link(task) => task.run(),
        Task::Roster { rows, seed, out } => write_rosters(rows, seed, &out),
        Task::Split { file, duplicate, out } => split(&file, duplicate, &out),
    }
}

impl Link {
    fn run(&self) -> Result<()> {
        let fields = if self.roster { roster::fields() } else { self.fields.clone() };
        let columns: Vec<&str> = if self.roster {
            COLUMNS.iter().skip(2).copied().collect()
        } else {
            fields.iter().map(Field::name).collect()
        };
        let mut settings = if self.roster { roster::settings() } else { Settings::for_fields(&fields) };
        (settings.automatic, settings.review) = (self.automatic, self.review);
        if !self.blocks.is_empty() {
            settings.blocking = self.blocks.iter().map(|text| block(text, &fields)).collect::<Result<_>>()?;
        }
        let left = self.read(&self.left, &columns)?;
        let right = self.read(&self.right, &columns)?;
        let begun = Instant::now();
        let linkage = link(&fields, &left.records, &right.records, &settings)?;
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{} x {} rows, {} pairs compared, {} rounds, {seconds:.2} s on one core",
            left.records.len(),
            right.records.len(),
            linkage.compared_pairs,
            linkage.model.rounds
        );
        for block in &linkage.oversized_blocks {
            println!("not compared, too much alike: {} x {} rows", block.left_rows, block.right_rows);
        }
        print_weights(&linkage);
        self.print_links(&linkage);
        if let Some(path) = &self.pairs_out {
            write_pairs(path, compared_pairs(&fields, &left.records, &right.records, &settings)?)?;
        }
        if let Some(path) = &self.links_out {
            write_links(path, &linkage)?;
        }
        if self.truth.is_some() {
            print_quality(&linkage, &true_pairs(&left, &right));
        }
        Ok(())
    }

    fn read(&self, path: &Path, columns: &[&str]) -> Result<Rows> {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(file);
        let header = reader.headers()?.clone();
        let place = |column: &str| {
            let found = header.iter().position(|name| name == column);
            found.ok_or_else(|| format!("{} has no column {column}", path.display()))
        };
        let places = columns.iter().map(|column| place(column)).collect::<std::result::Result<Vec<_>, _>>()?;
        let key = self.key.as_deref().map(place).transpose()?;
        let truth = self.truth.as_deref().map(place).transpose()?;
        let mut rows = Rows { records: Vec::new(), truth: BTreeMap::new() };
        for (number, row) in (1..).zip(reader.into_records()) {
            let row = row?;
            let cell = |place: usize| row.get(place).filter(|text| !text.is_empty()).map(str::to_owned);
            let key = key.and_then(cell).unwrap_or_else(|| format!("{number:07}"));
            if let Some(person) = truth.and_then(cell) {
                rows.truth.insert(key.clone(), person);
            }
            let values = places.iter().map(|place| cell(*place).map(Into::into)).collect();
            rows.records.push(Record { key, values });
        }
        Ok(rows)
    }

    fn print_links(&self, linkage: &Linkage<String>) {
        for decision in [Decision::Automatic, Decision::Review, Decision::Ambiguous, Decision::Unlinked] {
            let rows: Vec<_> = linkage.rows.iter().filter(|row| row.decision == decision).collect();
            println!("\n{} {} · {}", rows.len(), decision.label_en(), decision.label_zh());
            for row in rows.iter().take(self.explain) {
                println!("  {}", row.left);
                let shown = if row.partner().is_some() { 1 } else { 2 };
                for candidate in row.candidates.iter().take(shown) {
                    println!("    {}  probability {:.4}", candidate.right, candidate.probability);
                    println!("      {}", linkage.explain(candidate, Language::Chinese));
                    println!("      {}", linkage.explain(candidate, Language::English));
                }
            }
        }
    }
}

fn field(text: &str) -> std::result::Result<Field, String> {
    let (column, comparator) = text.rsplit_once('=').ok_or("a field is COLUMN=COMPARATOR")?;
    let known = || Comparator::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let comparator = Comparator::named(comparator).ok_or_else(|| format!("{comparator} is none of {}", known()))?;
    Ok(Field::new(column, comparator))
}

fn block(text: &str, fields: &[Field]) -> Result<BlockingKey> {
    let part = |part: &str| -> Result<(usize, KeyForm)> {
        let (column, form) = part.rsplit_once(':').ok_or("a blocking key is COLUMN:FORM")?;
        let place = fields.iter().position(|field| field.name() == column).ok_or("a blocking key names a field")?;
        Ok((place, KeyForm::named(form).ok_or("a form is whole, sound, start, month or tail")?))
    };
    Ok(BlockingKey { parts: text.split('+').map(part).collect::<Result<_>>()? })
}

fn print_weights(linkage: &Linkage<String>) {
    println!("\nweights in bits, share among partners (m) and among strangers (u)");
    for (field, shares) in linkage.fields.iter().zip(&linkage.model.fields) {
        println!("  {}", field.label_en());
        for (level, shares) in field.comparator().levels().iter().zip(shares) {
            println!("    {:>7.2}  m {:.4}  u {:.5}  {}", shares.bits, shares.same, shares.different, level.en);
        }
    }
}

fn true_pairs(left: &Rows, right: &Rows) -> BTreeSet<(String, String)> {
    let mut by_person: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, person) in &right.truth {
        by_person.entry(person).or_default().push(key);
    }
    let of_left = |(key, person): (&String, &String)| {
        let partners = by_person.get(person.as_str()).into_iter().flatten();
        partners.map(|partner| (key.clone(), (*partner).to_owned())).collect::<Vec<_>>()
    };
    left.truth.iter().flat_map(of_left).collect()
}

fn links_of(linkage: &Linkage<String>, automatic_only: bool) -> impl Iterator<Item = (String, String)> {
    let wanted = move |decision: Decision| decision == Decision::Automatic || !automatic_only;
    let rows = linkage.rows.iter().filter(move |row| wanted(row.decision));
    rows.filter_map(|row| Some((row.left.clone(), row.partner()?.right.clone())))
}

fn print_quality(linkage: &Linkage<String>, truth: &BTreeSet<(String, String)>) {
    println!("\nautomatic links        {}", Quality::of(links_of(linkage, true), truth));
    println!("with those for review  {}", Quality::of(links_of(linkage, false), truth));
}

fn write_pairs(path: &Path, pairs: Vec<(String, String)>) -> Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["left", "right"])?;
    for (left, right) in pairs {
        writer.write_record([left, right])?;
    }
    Ok(writer.flush()?)
}

fn write_links(path: &Path, linkage: &Linkage<String>) -> Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["left", "right", "decision", "score", "probability"])?;
    for row in &linkage.rows {
        if let Some(partner) = row.partner() {
            let (score, probability) = (partner.score.bits().to_string(), partner.probability.to_string());
            writer.write_record([&row.left, &partner.right, row.decision.code(), &score, &probability])?;
        }
    }
    Ok(writer.flush()?)
}

fn write_rosters(rows: u32, seed: u64, out: &Path) -> Result<()> {
    std::fs::create_dir_all(out)?;
    let rosters = generate(rows, seed);
    for (name, roster) in [("origin.csv", &rosters.origin), ("destination.csv", &rosters.destination)] {
        let mut writer = csv::Writer::from_path(out.join(name))?;
        writer.write_record(COLUMNS)?;
        for cells in roster.iter().map(GeneratedRow::cells) {
            writer.write_record(cells)?;
        }
        writer.flush()?;
    }
    Ok(())
}

/// `rec-17-dup-2` is person 17, duplicate 2; an original has no number.
fn person(rec_id: &str) -> Option<(&str, Option<u32>)> {
    let mut parts = rec_id.split('-').skip(1);
    let person = parts.next()?;
    match parts.next()? {
        "org" => Some((person, None)),
        _ => Some((person, Some(parts.next()?.parse().ok()?))),
    }
}

fn split(file: &Path, duplicate: usize, out: &Path) -> Result<()> {
    std::fs::create_dir_all(out)?;
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(file)?;
    let header = reader.headers()?.clone();
    let kept: Vec<usize> =
        header.iter().enumerate().filter(|(_, name)| *name != "soc_sec_id").map(|(place, _)| place).collect();
    let mut originals = Vec::new();
    let mut duplicates: BTreeMap<String, Vec<(u32, Vec<String>)>> = BTreeMap::new();
    for row in reader.into_records() {
        let row = row?;
        let (person, number) = row.get(0).and_then(person).ok_or("a rec_id is rec-N-org or rec-N-dup-M")?;
        let own = kept.iter().filter_map(|place| row.get(*place)).map(str::to_owned);
        let cells: Vec<String> = own.chain([person.to_owned()]).collect();
        match number {
            None => originals.push(cells),
            Some(number) => duplicates.entry(person.to_owned()).or_default().push((number, cells)),
        }
    }
    let picked = duplicates.into_values().filter_map(|mut of_person| {
        of_person.sort();
        of_person.into_iter().nth(duplicate).map(|(_, cells)| cells)
    });
    for (name, rows) in [("originals.csv", originals), ("duplicates.csv", picked.collect())] {
        let mut writer = csv::Writer::from_path(out.join(name))?;
        writer.write_record(kept.iter().filter_map(|place| header.get(*place)).chain(["person"]))?;
        for row in rows {
            writer.write_record(row)?;
        }
        writer.flush()?;
    }
    Ok(())
}
