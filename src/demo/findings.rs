//! What the exchange says in the end: distinct persons behind the figures, and every planned fault found again.
//!
//! Persons of several agreements are recounted from the rows behind the figures, never added up. Person-times are told apart and
//! compared with nothing.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value, json};

use super::exchange::{Exchange, items, number, text};
use super::people::SPOILT;
use super::plan::{self, Fate, PUBLISHED_ON, persons};
use super::published::{PUBLISHED, PublishedFigure};
use super::stage::{Signed, Stage, of_scope};
use crate::error::Result;

/// A published figure beside the ledger's.
#[derive(Debug, Clone, Copy)]
pub struct FigureRow {
    /// What was published.
    pub published: PublishedFigure,
    /// What the ledger says.
    pub ledger: i64,
}

impl FigureRow {
    /// Whether it is as planned and agrees with what was published.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.ledger == self.published.planned() && self.published.agrees_with(self.ledger)
    }
}

/// A planned number beside the number found.
#[derive(Debug, Clone, Copy)]
pub struct FaultRow {
    /// Code of the failure list; empty for what is no failure.
    pub code: &'static str,
    /// In Chinese.
    pub zh: &'static str,
    /// In English, with the word by which the exchange tells it.
    pub en: &'static str,
    /// How many were planned.
    pub planned: usize,
    /// How many were found.
    pub found: usize,
}

/// Everything found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Published figures.
    pub figures: Vec<FigureRow>,
    /// Faults, and what else was planned.
    pub faults: Vec<FaultRow>,
    /// Departures under the named agreements, in person-times.
    pub person_times: i64,
    /// Of the persons who count, those on a list of formerly-poor people.
    pub lifted_persons: i64,
}

impl Findings {
    /// Takes in how many agreements have a month that both sides have signed.
    pub fn frozen(&mut self, found: usize) {
        self.faults.push(row(
            "",
            "双方签署定稿的月度对账单",
            "statements both sides signed",
            plan::AGREEMENTS.len(),
            found,
        ));
    }

    /// Whether everything is as planned.
    #[must_use]
    pub fn hold(&self) -> bool {
        self.figures.iter().all(FigureRow::holds) && self.faults.iter().all(|row| row.planned == row.found)
    }
}

/// What the reconciliations, verdicts and figures of all agreements come to.
#[derive(Debug, Default)]
struct Counted {
    situations: BTreeMap<String, usize>,
    fields: BTreeMap<String, usize>,
    left_on_day_90: usize,
    rows_fit: usize,
    paper: usize,
    phone: usize,
    uninsured: usize,
    /// The distinct persons who count under each agreement, by its id.
    persons: BTreeMap<String, HashSet<String>>,
}

/// Reconciles every agreement and reads everything back.
///
/// # Errors
/// Whatever the exchange refuses.
pub async fn gather(exchange: &mut Exchange, stage: &Stage) -> Result<Findings> {
    let mut counted = Counted::default();
    let mut findings = Findings::default();
    for signed in &stage.agreements {
        reconcile(exchange, stage, signed, &mut counted).await?;
        verdicts(exchange, stage, signed, &mut counted).await?;
        let fulfilment = exchange.get(stage.origin, &signed.path("fulfilment")).await?;
        let persons = behind(exchange, stage, signed).await?;
        counted.rows_fit += usize::from(number(&fulfilment, "/targets/0/numerator") == count(persons.len()));
        counted.persons.insert(signed.id.clone(), persons);
        if signed.plan.named {
            findings.lifted_persons += number(&fulfilment, "/targets/1/numerator");
            findings.person_times += number(&fulfilment, "/targets/2/numerator");
        }
    }
    for published in PUBLISHED {
        let ledger = ledger(exchange, stage, &counted, &published).await?;
        findings.figures.push(FigureRow { published, ledger });
    }
    findings.faults = faults(exchange, stage, &counted);
    Ok(findings)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

async fn ledger(exchange: &mut Exchange, stage: &Stage, counted: &Counted, published: &PublishedFigure) -> Result<i64> {
    let Some(scope) = published.scope else {
        return Ok(count(exchange.list(stage.origin, "/v1/agreements?state=ratified").await?.len()));
    };
    let agreements = of_scope(stage, scope).into_iter().filter_map(|signed| counted.persons.get(&signed.id));
    let persons: HashSet<&String> = agreements.flatten().collect();
    Ok(count(persons.len()))
}

/// The distinct persons behind the first target: who has arrived for certain.
async fn behind(exchange: &mut Exchange, stage: &Stage, signed: &Signed) -> Result<HashSet<String>> {
    let rows = exchange.list(stage.origin, &signed.path("fulfilment/rows?target=1&standing=certain")).await?;
    rows.iter().map(|row| text(row, "/worker_id")).collect()
}

async fn reconcile(exchange: &mut Exchange, stage: &Stage, signed: &Signed, counted: &mut Counted) -> Result<()> {
    let run =
        exchange.post(stage.origin, &signed.path("reconciliations"), &json!({ "cut_off_on": PUBLISHED_ON })).await?;
    for situation in items(&run, "/counts/situations") {
        let rows = usize::try_from(number(situation, "/rows")).unwrap_or_default();
        *counted.situations.entry(text(situation, "/situation")?).or_default() += rows;
    }
    let rows = signed.path(&format!("reconciliations/{}/rows?situation=field_mismatch", text(&run, "/id")?));
    for row in exchange.list(stage.origin, &rows).await? {
        *counted.fields.entry(text(&row, "/detail/field")?).or_default() += 1;
    }
    Ok(())
}

/// Looks at the verdicts of those whose stay is in doubt, one by one, and at the figures of all.
async fn verdicts(exchange: &mut Exchange, stage: &Stage, signed: &Signed, counted: &mut Counted) -> Result<()> {
    let figures = exchange.get(stage.origin, &signed.path("retention?node=90d")).await?;
    let counts = items(&figures, "/items").iter().filter(|figure| figure.pointer("/counts") == Some(&json!(true)));
    counted.left_on_day_90 +=
        counts.map(|figure| usize::try_from(number(figure, "/left")).unwrap_or_default()).sum::<usize>();
    for seat in &signed.seats {
        let asked = matches!(seat.fate, Fate::LeavesOnPaperStays | Fate::PhoneOnly | Fate::Uninsured);
        let Some(placement) = seat.placement.as_ref().filter(|_| asked) else { continue };
        let retention = exchange.get(stage.origin, &signed.path(&format!("placements/{placement}/retention"))).await?;
        let is = |check: &Value, wanted: &[(&str, &str)]| {
            wanted.iter().all(|(name, value)| check.get(name).and_then(Value::as_str) == Some(value))
                && check.get("counts") == Some(&json!(true))
        };
        let judged =
            |wanted: &[(&str, &str)]| usize::from(items(&retention, "/checks").iter().any(|check| is(check, wanted)));
        match seat.fate {
            Fate::LeavesOnPaperStays => {
                let ended_on = text(&retention, "/ended_on")?;
                let seen_later = |look: &Value| text(look, "/seen_to").is_ok_and(|seen_to| seen_to > ended_on);
                let still_listed = items(&retention, "/observations").iter().any(seen_later);
                counted.paper += usize::from(still_listed) * judged(&[("node", "90d"), ("state", "left")]);
            }
            Fate::PhoneOnly => {
                let wanted = [("node", "180d"), ("state", "unverifiable"), ("reason", "evidence_below_minimum")];
                counted.phone += judged(&wanted);
            }
            _ => counted.uninsured += judged(&[("node", "180d"), ("state", "retained"), ("evidence", "e2")]),
        }
    }
    Ok(())
}

impl Counted {
    fn situation(&self, name: &str) -> usize {
        self.situations.get(name).copied().unwrap_or_default()
    }

    fn field(&self, name: &str) -> usize {
        self.fields.get(name).copied().unwrap_or_default()
    }
}

const fn row(code: &'static str, zh: &'static str, en: &'static str, planned: usize, found: usize) -> FaultRow {
    FaultRow { code, zh, en, planned, found }
}

fn refused(exchange: &Exchange, step: &'static str, code: &str) -> usize {
    exchange.refused.get(&(step, code.to_owned())).copied().unwrap_or_default()
}

fn faults(exchange: &Exchange, stage: &Stage, counted: &Counted) -> Vec<FaultRow> {
    let known = [
        before_departure(exchange, counted),
        at_arrival(counted),
        in_post(exchange, counted),
        between_the_sides(exchange, counted),
        in_the_evidence(exchange, stage, counted),
    ]
    .concat();
    let rest = the_rest(exchange, counted, &known);
    [known, rest.to_vec()].concat()
}

/// D01 to D03: who should not have been on the roster.
fn before_departure(exchange: &Exchange, counted: &Counted) -> Vec<FaultRow> {
    let (twice, too_young) = ("worker_already_placed", "under_sixteen");
    let spoilt = SPOILT.iter().map(|(_, code)| refused(exchange, "registration", code)).sum();
    let numbers = SPOILT.len() * plan::SPOILT_EACH;
    let names = persons(Fate::OtherName);
    vec![
        row(
            "D01",
            "重复登记",
            "listed twice · worker_already_placed",
            plan::LISTED_TWICE,
            refused(exchange, "roster", twice),
        ),
        row("D02", "身份证号码损坏", "spoilt numbers · identity_number_*", numbers, spoilt),
        row("D02", "姓名写法不一", "another name · field_mismatch name", names, counted.field("name")),
        row(
            "D03",
            "不符合条件（未满十六周岁）",
            "under age · under_sixteen",
            plan::CHILDREN,
            refused(exchange, "roster", too_young),
        ),
    ]
}

/// D04 to D06: what became of the departure.
fn at_arrival(counted: &Counted) -> Vec<FaultRow> {
    let not_arrived = [Fate::NoShow, Fate::RefusedByEmployer, Fate::RefusedByWorker].map(persons).iter().sum();
    let at = |code, zh, en, fate, situation| row(code, zh, en, persons(fate), counted.situation(situation));
    let contradicted = persons(Fate::Contradicted);
    vec![
        row("D04", "未到岗、拒收、拒绝", "did not arrive · not_arrived", not_arrived, counted.situation("not_arrived")),
        at("D04", "出发后无人反馈", "nothing heard · missing", Fate::Unheard, "missing"),
        at("D05", "换了单位", "another employer · wrong_employer", Fate::OtherEmployer, "wrong_employer"),
        at("D05", "换了地区", "another region · wrong_region", Fate::OtherRegion, "wrong_region"),
        at("D06", "单位逾期未答复", "employer silent · unanswered", Fate::StationOnly, "unanswered"),
        row(
            "D06",
            "单位与输入地说法相反",
            "employer against destination · field_mismatch outcome",
            contradicted,
            counted.field("outcome"),
        ),
    ]
}

/// D07 and D08: who is in post, and where.
fn in_post(exchange: &Exchange, counted: &Counted) -> Vec<FaultRow> {
    let on_paper = persons(Fate::LeavesOnPaperStays);
    let (at_once, twice) = (persons(Fate::TwoPosts), refused(exchange, "spells", "other_spell_that_day"));
    vec![
        row("D07", "已离岗仍在工资台账", "left, still on the ledger · left at 90d", on_paper, counted.paper),
        row("D08", "同期两份工作", "two posts at once · other_spell_that_day", at_once, twice),
    ]
}

/// D09 and D10: what the two sides count differently.
fn between_the_sides(exchange: &Exchange, counted: &Counted) -> Vec<FaultRow> {
    let beyond = refused(exchange, "roster", "places_exhausted");
    let (other_day, contested) = (persons(Fate::OtherDay), persons(Fate::Contested));
    vec![
        row("D09", "超出批准名额", "beyond the places · places_exhausted", plan::BEYOND_PLACES, beyond),
        row("D09", "虚报人头", "padded heads · unannounced", plan::PADDED_HEADS, counted.situation("unannounced")),
        row(
            "D10",
            "双方日期不一致",
            "days differ · field_mismatch arrival_day",
            other_day,
            counted.field("arrival_day"),
        ),
        row("D10", "输出地提出异议", "contested · disputed", contested, counted.situation("disputed")),
    ]
}

/// D11 to D14: what a figure rests on.
fn in_the_evidence(exchange: &Exchange, stage: &Stage, counted: &Counted) -> Vec<FaultRow> {
    let (by_phone, uninsured) = (persons(Fate::PhoneOnly), persons(Fate::Uninsured));
    let nameless = refused(exchange, "lock", "roster_empty");
    vec![
        row("D11", "只有电话回访", "phone calls only · unverifiable at 180d", by_phone, counted.phone),
        row("D12", "未参保，仅有花名册", "no insurance · retained on e2 at 180d", uninsured, counted.uninsured),
        row("D13", "信用代码缺失或存疑", "no credit code, or in doubt", doubtful_employers(), stage.employers_in_doubt),
        row("D14", "有数无名", "numbers without names · roster_empty", plan::WITHOUT_NAMES, nameless),
    ]
}

fn doubtful_employers() -> usize {
    let employers = plan::AGREEMENTS.iter().flat_map(|agreement| agreement.employers);
    employers.filter(|employer| employer.licence != plan::Licence::Fits).count()
}

/// What has to be there beside the faults, so that nothing else went wrong unseen.
fn the_rest(exchange: &Exchange, counted: &Counted, known: &[FaultRow]) -> [FaultRow; 6] {
    const REFUSALS: [&str; 6] = ["D01", "D02", "D03", "D08", "D09", "D14"];
    let at_the_door = |row: &&FaultRow| REFUSALS.contains(&row.code) && !matches!(row.zh, "姓名写法不一" | "虚报人头");
    let also = |zh, en, planned, found| row("", zh, en, planned, found);
    let sent: usize = plan::AGREEMENTS.iter().map(|agreement| agreement.rosters().len()).sum();
    let late = persons(Fate::ConfirmedLate);
    let left = persons(Fate::Leaves) + persons(Fate::LeavesOnPaperStays);
    let elsewhere = persons(Fate::OtherEmployer) + persons(Fate::OtherDay);
    let counting: usize = plan::AGREEMENTS.iter().map(|agreement| agreement.arrivals).sum();
    [
        also("双方一致，按期到岗", "matched", counting - late - elsewhere, counted.situation("matched")),
        also("双方一致，逾期确认", "late", late, counted.situation("late")),
        also("90天前离岗", "left before day 90", left, counted.left_on_day_90),
        also("对账行数", "rows of the reconciliations", sent + plan::PADDED_HEADS, counted.situations.values().sum()),
        also(
            "被拒绝的全部记录",
            "everything that was refused",
            known.iter().filter(at_the_door).map(|row| row.planned).sum(),
            exchange.refused.values().sum(),
        ),
        also("指标数与明细行数相符", "figures that equal their rows", plan::AGREEMENTS.len(), counted.rows_fit),
    ]
}
