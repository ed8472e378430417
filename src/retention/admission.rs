//! Whether a reported row is taken: each check says at which field it failed, and all of them are told at once.

use sha2::{Digest, Sha256};

use super::history::History;
use super::records::{NewExit, NewObservation, NewSpell, PlacementName, Reporter, ReporterRole};
use super::spell_book::{Dated, Report, SpellBook, Step};
use crate::agreements::rule_terms::EvidenceLevel;
use crate::db::{Day, Id};
use crate::dispatches::outcomes::transfers::{self, Destination, Transfers};
use crate::error::{Fault, Faults};
use crate::regions::{RegionCode, current_fault};

/// Highest monthly wage that is taken for one, in fen.
const WAGE_MAX_FEN: i64 = 100_000_000;
/// Longest reference.
const REFERENCE_MAX: usize = 100;

/// The pointer of a field of a row.
fn at(row: usize, field: &str) -> String {
    format!("/rows/{row}/{field}")
}

/// What a name of a placement led to.
#[derive(Debug, Clone, Copy)]
pub enum Named<'a> {
    /// The placement; the caller may report about it.
    Found(&'a History),
    /// None, or none the caller may know of.
    Unknown,
    /// Several placements carry this reference.
    Ambiguous,
}

/// Checks how a row names its placement and what it names.
fn named<'a>(row: usize, name: &PlacementName, found: Named<'a>, faults: &mut Faults) -> Option<&'a History> {
    let field = if name.id.is_some() { "placement_id" } else { "placement_ref" };
    faults.optional_text(&at(row, "placement_ref"), name.reference.as_deref(), REFERENCE_MAX);
    if name.id.is_some() == name.reference.is_some() {
        faults.push(Fault::body(
            at(row, field),
            "one_of_two",
            "send either placement_id or placement_ref",
            "placement_id 与 placement_ref 须且只能填写一个",
        ));
        return None;
    }
    match found {
        Named::Found(history) if history.placed.onboarded_on.is_some() => Some(history),
        Named::Found(_) => {
            faults.push(Fault::body(
                at(row, field),
                "not_onboarded",
                "the worker is not recorded as onboarded; the arrival must be confirmed first",
                "该人员尚未登记到岗，请先确认到岗",
            ));
            None
        }
        Named::Unknown => {
            faults.push(Fault::body(
                at(row, field),
                "placement_unknown",
                "there is no such placement, or it is not yours to report about",
                "没有该安置记录，或贵方无权报送",
            ));
            None
        }
        Named::Ambiguous => {
            faults.push(Fault::body(
                at(row, field),
                "placement_ref_ambiguous",
                "several placements carry this reference; send placement_id",
                "该编号对应多条安置记录，请改用 placement_id",
            ));
            None
        }
    }
}

fn check_region(row: usize, region: Option<RegionCode>, faults: &mut Faults) {
    faults.add(region.and_then(|code| current_fault(&at(row, "region_code"), code)));
}

/// A registered party a row may name as employer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownEmployer {
    /// Its region, where it has one.
    pub region_code: Option<RegionCode>,
}

fn check_employer(row: usize, known: Option<KnownEmployer>, faults: &mut Faults) {
    faults.require(
        known.is_some(),
        &at(row, "employer_id"),
        "employer_unknown",
        "is no registered employer; ask the operator to register it",
        "不是已登记的用人单位，请联系运营方登记",
    );
}

/// The content of an observation as it was sent, hashed: the same again is the same fact, whatever the books say meanwhile.
#[must_use]
pub fn content_hash(row: &NewObservation, placement_id: Id, observer_id: Id) -> Vec<u8> {
    let content = serde_json::json!([
        placement_id,
        observer_id,
        row.in_post,
        row.seen_from,
        row.seen_to,
        row.employer_id,
        row.region_code,
        row.evidence,
        row.source,
        row.monthly_wage_fen
    ]);
    Sha256::digest(content.to_string()).to_vec()
}

/// Where an observation that is taken saw the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The employer.
    pub employer_id: Id,
    /// Where.
    pub region_code: String,
}

/// Checks an observation; `employer` is what the books know of the employer it names.
///
/// # Errors
/// Every fault of the row.
pub fn observation<'a>(
    place: usize,
    row: &NewObservation,
    found: Named<'a>,
    employer: Option<KnownEmployer>,
    reporter: Reporter,
    today: Day,
) -> Result<(&'a History, Seen), Vec<Fault>> {
    let mut faults = Faults::new();
    let history = named(place, &row.placement(), found, &mut faults);
    faults.optional_text(&at(place, "client_ref"), row.client_ref.as_deref(), REFERENCE_MAX);
    check_region(place, row.region_code, &mut faults);
    check_period(place, row, history.and_then(|history| history.placed.onboarded_on), today, &mut faults);
    check_evidence(place, row, reporter, &mut faults);
    faults.require(
        row.monthly_wage_fen.is_none_or(|fen| (0..=WAGE_MAX_FEN).contains(&fen)),
        &at(place, "monthly_wage_fen"),
        "out_of_range",
        "must be from 0 to 100,000,000 fen",
        "须在 0 到 1 亿分之间",
    );
    if row.employer_id.is_some() {
        check_employer(place, employer, &mut faults);
    }
    let own_word = reporter.role != ReporterRole::Employer || row.employer_id.is_none_or(|id| id == reporter.party_id);
    faults.require(
        own_word,
        &at(place, "employer_id"),
        "employer_foreign",
        "an employer reports about its own posts only",
        "用人单位只能报送本单位的在岗情况",
    );
    let seen = history.and_then(|history| seen_at(place, row, history, employer, reporter, &mut faults));
    match (history, seen) {
        (Some(history), Some(seen)) if faults.is_empty() => Ok((history, seen)),
        _ => Err(faults.into_inner()),
    }
}

fn check_period(place: usize, row: &NewObservation, onboarded_on: Option<Day>, today: Day, faults: &mut Faults) {
    faults.require(
        row.seen_to >= row.seen_from,
        &at(place, "seen_to"),
        "period_reversed",
        "must not lie before seen_from",
        "不得早于 seen_from",
    );
    faults.require(
        row.seen_to <= today,
        &at(place, "seen_to"),
        "day_in_future",
        "lies in the future; nobody has seen that day yet",
        "日期在将来，尚无人可以见证",
    );
    if let Some(onboarded_on) = onboarded_on.filter(|onboarded_on| row.seen_to < *onboarded_on) {
        let en =
            format!("lies before the worker was onboarded on {onboarded_on}; check the period or correct the arrival");
        let zh = format!("早于到岗日期 {onboarded_on}，请核对期间或更正到岗信息");
        faults.push(
            Fault::body(at(place, "seen_to"), "before_onboarding", en, zh)
                .param("onboarded_on", onboarded_on.to_string()),
        );
    }
}

fn check_evidence(place: usize, row: &NewObservation, reporter: Reporter, faults: &mut Faults) {
    let strongest = row.source.strongest();
    if row.evidence > strongest {
        let en = format!("{} gives at most {strongest}", row.source);
        let zh = format!("该来源最高只能作为 {strongest} 级证据");
        let fault = Fault::body(at(place, "evidence"), "evidence_above_source", en, zh);
        faults.push(fault.param("strongest", strongest.as_str()));
    }
    if reporter.role == ReporterRole::Origin && row.evidence > EvidenceLevel::E1 {
        let fault = Fault::body(
            at(place, "evidence"),
            "evidence_above_role",
            "an origin gives at most e1; stronger evidence comes from the employer or the destination",
            "输出地最高只能提供 e1 级证据，更高等级应由用人单位或输入地提供",
        );
        faults.push(fault.param("strongest", EvidenceLevel::E1.as_str()));
    }
}

/// The employer and region a row means where it leaves them out.
fn seen_at(
    place: usize,
    row: &NewObservation,
    history: &History,
    employer: Option<KnownEmployer>,
    reporter: Reporter,
    faults: &mut Faults,
) -> Option<Seen> {
    let employer_id = row.employer_id.unwrap_or_else(|| match reporter.role {
        ReporterRole::Employer => reporter.party_id,
        _ => history.workplace_on(row.seen_to).0,
    });
    let by_books = || history.region_with(employer_id).map(ToOwned::to_owned);
    let by_register = || employer?.region_code.map(|code| code.to_string());
    let region_code = row.region_code.map(|code| code.to_string()).or_else(by_books).or_else(by_register);
    if region_code.is_none() {
        faults.push(Fault::body(
            at(place, "region_code"),
            "region_needed",
            "is needed, because the books do not tell where this employer's post is",
            "无法从登记信息得知该单位的工作地点，请填写",
        ));
    }
    Some(Seen { employer_id, region_code: region_code? })
}

/// Enters an exit in the book of its placement.
///
/// # Errors
/// Every fault of the row.
pub fn exit(
    place: usize,
    row: &NewExit,
    found: Named<'_>,
    book: Option<&mut SpellBook>,
    report: Report,
) -> Result<Step, Vec<Fault>> {
    let mut faults = Faults::new();
    named(place, &row.placement(), found, &mut faults);
    faults.optional_text(&at(place, "client_ref"), row.client_ref.as_deref(), REFERENCE_MAX);
    let Some(book) = book.filter(|_| faults.is_empty()) else { return Err(faults.into_inner()) };
    let left = Dated { on: row.ended_on, grain: row.grain };
    let field = if row.placement_id.is_some() { "placement_id" } else { "placement_ref" };
    book.exit(left, row.reason, report)
        .map_err(|refusal| vec![refusal.fault(&at(place, "ended_on"), &at(place, field))])
}

/// Enters the start of a spell in the book of its placement; the place follows whoever moves to another employer.
///
/// # Errors
/// Every fault of the row.
pub fn spell(
    place: usize,
    row: &NewSpell,
    found: Named<'_>,
    book: Option<&mut SpellBook>,
    employer: Option<KnownEmployer>,
    report: Report,
    transfers: &mut Transfers,
) -> Result<Step, Vec<Fault>> {
    let mut faults = Faults::new();
    named(place, &row.placement(), found, &mut faults);
    faults.optional_text(&at(place, "client_ref"), row.client_ref.as_deref(), REFERENCE_MAX);
    check_employer(place, employer, &mut faults);
    check_region(place, Some(row.region_code), &mut faults);
    let Some(book) = book.filter(|_| faults.is_empty()) else { return Err(faults.into_inner()) };
    let (began, region) = (Dated { on: row.started_on, grain: row.grain }, row.region_code.to_string());
    let mut tried = book.clone();
    let step = tried
        .start(row.employer_id, &region, began, report)
        .map_err(|refusal| vec![refusal.fault(&at(place, "started_on"), &at(place, "employer_id"))])?;
    if step.changed {
        let employer_before = book.latest().and_then(|spell| spell.employer_id);
        let latest = tried.latest().filter(|spell| spell.id == step.spell_id);
        let moves = employer_before != Some(row.employer_id) || row.quota_id.is_some();
        match latest.filter(|_| moves) {
            Some(spell) => {
                let (employer_id, on) = (row.employer_id, spell.started_on);
                let to = Destination { employer_id, region: &region, on, quota_id: row.quota_id };
                transfers.move_to(spell.placement_id, to).map_err(|refusal| vec![no_place(place, refusal)])?;
            }
            None if row.quota_id.is_some() => return Err(vec![place_elsewhere(place)]),
            None => {}
        }
    }
    *book = tried;
    Ok(step)
}

fn no_place(place: usize, refusal: transfers::Refusal) -> Fault {
    let field = at(place, "quota_id");
    match refusal {
        transfers::Refusal::QuotaUnknown => Fault::body(
            field,
            "quota_unknown",
            "is no published quota of this employer that takes anybody on that day; choose one of its quotas or leave it out",
            "不是该单位当日可用的岗位名额，请改选该单位的名额或不填",
        ),
        transfers::Refusal::Exhausted => Fault::body(
            field,
            "places_exhausted",
            "has no place left; ask the destination to approve more, or leave it out to record the move without a place",
            "名额已满；请由输入地增批名额，或不填 quota_id 以登记转岗而不占名额",
        ),
        transfers::Refusal::Several(quotas) => Fault::body(
            field,
            "quota_needed",
            "is needed, because the employer has several quotas there; name the one whose place is taken",
            "该单位在当地有多个岗位名额，请注明占用哪一个",
        )
        .param("quotas", quotas.iter().map(ToString::to_string).collect::<Vec<_>>()),
    }
}

fn place_elsewhere(place: usize) -> Fault {
    Fault::body(
        at(place, "quota_id"),
        "place_moved_on",
        "cannot be taken: a later spell is recorded or the job has ended, and the place is where the worker was last; leave it out",
        "无法占用：已登记后续就业或已离岗，名额随最近的单位；请不填该项",
    )
}
