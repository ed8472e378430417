//! What becomes of each row: rejected, unchanged, or a new claim.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::Call;
use super::finding::{About, Found, Indexes};
use crate::arrivals::rules::judging::{Claiming, Subject, judge};
use crate::arrivals::rules::outcome::Said;
use crate::arrivals::rules::reading::{Person, Stated};
use crate::arrivals::rules::{SEASON_DAYS, placement_unknown};
use crate::arrivals::store::claims::{InEffect, Known, NewRow, SealedPerson};
use crate::arrivals::store::name_place;
use crate::arrivals::{ClaimantRole, ClaimedOutcome};
use crate::db::Id;
use crate::error::{Error, Fault, Result};

/// What becomes of a row that is not rejected.
pub(super) enum Verdict {
    /// It is in effect already.
    Unchanged(Id),
    /// It is new.
    New(Box<NewRow>),
}

/// Whom a claim is about, as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Whom {
    Placement(Id),
    Person([u8; 32]),
}

impl Whom {
    fn of(about: &About<'_>) -> Self {
        match about {
            About::Placement(subject, _) => Self::Placement(subject.placement.id),
            About::Person(_, indexes) => Self::Person(indexes.number),
        }
    }
}

/// A row as it was sent.
#[derive(Debug, Clone, Copy)]
struct Sent {
    row: usize,
    hash: [u8; 32],
    whom: Whom,
}

impl Sent {
    /// Whether a recorded claim of the same content is about the same placement, or was sent about the same person by the same name.
    fn is_about_the_same(&self, found: &Found, known: &Known) -> bool {
        let same_person = |sent: &Indexes| known.person.as_ref().is_some_and(|person| sent.are(person));
        known.placement_id.is_some_and(|id| self.whom == Whom::Placement(id))
            || found.people.get(&self.row).is_some_and(same_person)
    }
}

/// What earlier rows of the call have said.
#[derive(Default)]
struct Heard {
    of: HashMap<Whom, (usize, [u8; 32], Id)>,
    under: HashMap<String, (Whom, [u8; 32], Id)>,
}

type Judgement<T = Verdict> = Result<T, Vec<Fault>>;

/// Judges every row; a row that cannot be read keeps its faults.
pub(super) fn judge_all(
    call: &Call<'_>,
    found: &Found,
    read: Vec<Result<Stated, Vec<Fault>>>,
) -> Result<Vec<Judgement>> {
    let mut heard = Heard::default();
    read.into_iter()
        .enumerate()
        .map(|(row, stated)| match stated {
            Err(faults) => Ok(Err(faults)),
            Ok(stated) => judge_row(call, found, &mut heard, row, &stated),
        })
        .collect()
}

fn judge_row(call: &Call<'_>, found: &Found, heard: &mut Heard, row: usize, stated: &Stated) -> Result<Judgement> {
    let at = call.at(row);
    let about = match found.about(call, row, stated) {
        Ok(about) => about,
        Err(fault) => return Ok(Err(vec![fault])),
    };
    let sent = Sent { row, hash: hash_of(call.claimant(), stated), whom: Whom::of(&about) };
    let previous = previous(call, found, &about, stated);
    match already(found, heard, stated, sent, previous, &at) {
        Ok(None) => {}
        Ok(Some(id)) => return Ok(Ok(Verdict::Unchanged(id))),
        Err(fault) => return Ok(Err(vec![fault])),
    }
    if let Some(employer) = stated.employer_id.filter(|employer| !found.workplaces.contains(employer)) {
        return Ok(Err(vec![employer_unknown(&at, employer)]));
    }
    let new = match about {
        About::Placement(subject, role) => of_placement(call, stated, subject, role, previous, &at),
        About::Person(person, indexes) => of_person(call, stated, person, indexes, &at)?,
    };
    Ok(new.map(|new| {
        let replaces = previous.map(|claim| claim.said.claim_id);
        let new = NewRow { content_hash: sent.hash.to_vec(), replaces, ..new };
        heard.of.insert(sent.whom, (row, sent.hash, new.said.claim_id));
        if let Some(reference) = &new.client_ref {
            heard.under.insert(reference.clone(), (sent.whom, sent.hash, new.said.claim_id));
        }
        Verdict::New(Box::new(new))
    }))
}

/// What a claim says, as sent; whom it is about is compared beside it, because a person becomes a placement when the batch departs.
fn hash_of(claimant: Id, stated: &Stated) -> [u8; 32] {
    let mut hash = Sha256::new().chain_update(b"labour-exchange claim 2").chain_update(claimant.0.as_bytes());
    let employer = stated.employer_id.map(|employer| employer.to_string()).unwrap_or_default();
    let region = stated.region_code.map(|region| region.to_string()).unwrap_or_default();
    for part in [stated.outcome.as_str(), &stated.happened_on.to_string(), &employer, &region, stated.evidence.as_str()]
    {
        hash.update([0]);
        hash.update(part);
    }
    hash.finalize().into()
}

/// What the same claimant last said of the same sending.
fn previous<'a>(call: &Call<'_>, found: &'a Found, about: &About<'_>, stated: &Stated) -> Option<&'a InEffect> {
    match about {
        About::Placement(subject, _) => {
            found.claims.get(&subject.placement.id)?.iter().rfind(|claim| claim.said.claimant_id == call.claimant())
        }
        About::Person(_, indexes) => found
            .unannounced
            .get(indexes.number.as_slice())?
            .iter()
            .rfind(|claim| claim.said.happened_on.days_since(stated.happened_on).abs() <= SEASON_DAYS),
    }
}

/// The claim that already says this, when there is one.
fn already(
    found: &Found,
    heard: &Heard,
    stated: &Stated,
    sent: Sent,
    previous: Option<&InEffect>,
    at: &str,
) -> Result<Option<Id>, Fault> {
    if let Some(reference) = &stated.client_ref {
        let recorded = found.references.get(reference);
        let recorded =
            recorded.map(|known| (known.id, known.content_hash == sent.hash && sent.is_about_the_same(found, known)));
        let in_call =
            || heard.under.get(reference).map(|(whom, hash, id)| (*id, *hash == sent.hash && *whom == sent.whom));
        match recorded.or_else(in_call) {
            Some((id, true)) => return Ok(Some(id)),
            Some((id, false)) => return Err(reference_taken(at, id)),
            None => {}
        }
    }
    match heard.of.get(&sent.whom) {
        Some((_, known, id)) if *known == sent.hash => return Ok(Some(*id)),
        Some((row, ..)) => return Err(repeated(at, *row)),
        None => {}
    }
    let same_name = |claim: &InEffect| {
        let name = found.people.get(&sent.row).map(|indexes| indexes.name.as_slice());
        claim.name_index.as_deref().is_none_or(|known| name == Some(known))
    };
    let same = previous.filter(|claim| claim.content_hash == sent.hash && same_name(claim));
    Ok(same.map(|claim| claim.said.claim_id))
}

fn of_placement(
    call: &Call<'_>,
    stated: &Stated,
    subject: &Subject,
    role: ClaimantRole,
    previous: Option<&InEffect>,
    at: &str,
) -> Judgement<NewRow> {
    let by = Claiming { party: call.claimant(), role, today: call.today() };
    let judged = judge(stated, subject, by, previous.map(|claim| &claim.said), at)?;
    let said = Said {
        outcome: judged.outcome,
        employer_id: judged.employer_id,
        late: judged.late,
        ..said(call, role, stated)
    };
    Ok(row(said, Some(subject.placement.id), None, stated))
}

/// Somebody nobody announced: kept with the claim until reconciliation decides. There is no plan and no last day on time.
fn of_person(
    call: &Call<'_>,
    stated: &Stated,
    person: &Person,
    indexes: Indexes,
    at: &str,
) -> Result<Judgement<NewRow>> {
    let role = call.role_of_finder();
    if role == ClaimantRole::Origin {
        return Ok(Err(vec![placement_unknown(format!("{at}/identity_number"))]));
    }
    if let Some(fault) = not_claimable(call, stated, at) {
        return Ok(Err(vec![fault]));
    }
    let own = (role == ClaimantRole::Employer).then(|| call.claimant());
    let said = Said {
        outcome: ClaimedOutcome::Onboarded,
        employer_id: stated.employer_id.or(own),
        ..said(call, role, stated)
    };
    let name_sealed = call
        .keys
        .seal(name_place(said.claim_id), person.name.as_str())
        .map_err(|error| Error::internal(error.code()))?;
    let person = SealedPerson { exchange_index: indexes.number, name_index: indexes.name, name_sealed };
    Ok(Ok(row(said, None, Some(person), stated)))
}

fn not_claimable(call: &Call<'_>, stated: &Stated, at: &str) -> Option<Fault> {
    if !stated.outcome.is_arrival() {
        return Some(Fault::body(
            format!("{at}/outcome"),
            "not_announced",
            "no departed placement of this person is yours to claim; of somebody nobody announced only an arrival can be claimed",
            "没有贵方可提交的该人员的已出发安置记录；对未预告人员只能提交到岗",
        ));
    }
    let first = call.standing.effective_from;
    (stated.happened_on < first).then(|| {
        Fault::body(
            format!("{at}/happened_on"),
            "date_out_of_range",
            format!("the agreement begins on {first}"),
            format!("协议自 {first} 起生效"),
        )
        .param("effective_from", first.to_string())
    })
}

fn said(call: &Call<'_>, role: ClaimantRole, stated: &Stated) -> Said {
    Said {
        claim_id: Id::new(),
        claimant_id: call.claimant(),
        role,
        outcome: stated.outcome,
        happened_on: stated.happened_on,
        employer_id: stated.employer_id,
        region_code: stated.region_code,
        evidence: stated.evidence,
        late: false,
        recorded_at: call.actor.now,
    }
}

fn row(said: Said, placement_id: Option<Id>, person: Option<SealedPerson>, stated: &Stated) -> NewRow {
    NewRow {
        said,
        placement_id,
        person,
        client_ref: stated.client_ref.clone(),
        content_hash: Vec::new(),
        replaces: None,
    }
}

fn employer_unknown(at: &str, employer: Id) -> Fault {
    Fault::body(
        format!("{at}/employer_id"),
        "employer_unknown",
        "no employer or agency is registered under this id",
        "没有以此编号登记的用人单位或人力资源机构",
    )
    .param("employer_id", employer.to_string())
}

fn reference_taken(at: &str, id: Id) -> Fault {
    Fault::body(
        format!("{at}/client_ref"),
        "client_ref_taken",
        "your reference belongs to a claim with other content; a correction needs a reference of its own",
        "该编号已用于内容不同的到岗信息；更正须使用新的编号",
    )
    .param("claim_id", id.to_string())
}

fn repeated(at: &str, row: usize) -> Fault {
    Fault::body(
        at,
        "person_repeated",
        format!("row {} of this call says something else of the same person; send one of the two", row + 1),
        format!("本次提交的第 {} 行对同一人员另有不同内容，请只保留一行", row + 1),
    )
    .param("row", row + 1)
}
