//! Pure rules of discrepancies: what a run makes of one, who may act on it, what an undo restores, which match fits.

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use super::store::claims::{NamedClaim, Target};
use super::{Discrepancy, DiscrepancyEntry, DiscrepancyEntryKind, DiscrepancyState};
use crate::agreements::PartyRole;
use crate::agreements::store::AgreementParty;
use crate::db::Id;
use crate::dispatches::Placement;
use crate::error::{Code, Error, Fault, Result};
use crate::reconciliation::consequences::Owner;
use crate::reconciliation::facts::AgreementWindows;
use crate::reconciliation::report::ReconciliationRow;
use crate::retention::day_ranges::{days_after, days_between};

/// What a run makes of a row that does not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Nobody knew of it.
    New,
    /// It is known exactly so, or people have decided on these very facts.
    Known,
    /// Other values in the same situation, and nobody has decided yet.
    Changed,
    /// The facts are others than those decided on, or the situation is another: the owner has to act anew.
    Reopened,
}

/// Compares a row with what is known of it.
#[must_use]
pub fn finding(known: Option<&Discrepancy>, row: &ReconciliationRow, facts: &[u8]) -> Finding {
    let Some(known) = known else { return Finding::New };
    let same = known.facts == facts;
    match known.state {
        DiscrepancyState::Cleared => Finding::Reopened,
        _ if same => Finding::Known,
        DiscrepancyState::Resolved => Finding::Reopened,
        _ if known.situation == row.situation => Finding::Changed,
        // An open one only has another owner and a new due day.
        _ => Finding::Reopened,
    }
}

/// Fingerprint of what a run found of a row: the same facts give the same one in every run.
///
/// # Errors
/// When the detail cannot be written as JSON.
pub fn facts_of(row: &ReconciliationRow) -> Result<Vec<u8>> {
    let text = serde_json::to_vec(&(row.situation, row.claim_id, row.tier, &row.detail))?;
    Ok(Sha256::digest(text).to_vec())
}

/// The parties that owe an answer: those of the placement where there is one, else every party of the role.
#[must_use]
pub fn owners(owner: Owner, placement: Option<&Placement>, parties: &[AgreementParty]) -> Vec<Id> {
    let of_role = |role: PartyRole| {
        let of_placement = placement.map(|row| match role {
            PartyRole::Origin => row.origin_id,
            _ => row.destination_id,
        });
        let every = || parties.iter().filter(|party| party.role == role).map(|party| party.party_id).collect();
        of_placement.map_or_else(every, |id| vec![id])
    };
    match owner {
        Owner::Origin => of_role(PartyRole::Origin),
        Owner::Destination => of_role(PartyRole::Destination),
        Owner::Employer => {
            placement.map_or_else(|| of_role(PartyRole::Destination), |placement| vec![placement.employer_id])
        }
        Owner::Both => [of_role(PartyRole::Origin), of_role(PartyRole::Destination)].concat(),
        Owner::None => Vec::new(),
    }
}

/// The entries that stand, oldest first: an undo takes the one before it away, and stands for nothing itself.
#[must_use]
pub fn standing(entries: &[DiscrepancyEntry]) -> Vec<&DiscrepancyEntry> {
    let mut standing: Vec<&DiscrepancyEntry> = Vec::new();
    for entry in entries {
        if entry.kind == DiscrepancyEntryKind::Undone {
            standing.pop();
        } else {
            standing.push(entry);
        }
    }
    standing
}

/// The entry that an undo of a party takes back, and the one whose state it restores.
///
/// # Errors
/// [`Code::TransitionNotAllowed`] where a run has spoken last, [`Code::RoleNotAllowed`] for the act of another party.
pub fn undoable(entries: &[DiscrepancyEntry], party: Id) -> Result<(&DiscrepancyEntry, &DiscrepancyEntry)> {
    use DiscrepancyEntryKind::{Answered, Asked, Matched, Proposed, Resolved};
    let standing = standing(entries);
    let nothing = || {
        Error::new(Code::TransitionNotAllowed)
            .detail("the last entry is a run's; there is no act to undo", "最后一条记录由对账产生，没有可撤销的操作")
    };
    let [.., former, last] = standing.as_slice() else { return Err(nothing()) };
    if !matches!(last.kind, Asked | Answered | Proposed | Resolved | Matched) {
        return Err(nothing());
    }
    if last.party_id != party {
        return Err(Error::new(Code::RoleNotAllowed)
            .detail("only the party whose act it is may undo it", "仅作出该操作的一方可以撤销")
            .param("party_id", last.party_id.to_string()));
    }
    Ok((last, former))
}

/// Only origins and destinations work on discrepancies.
///
/// # Errors
/// [`Code::RoleNotAllowed`] for a station.
pub fn require_side(role: PartyRole) -> Result<()> {
    if role == PartyRole::Station {
        return Err(Error::new(Code::RoleNotAllowed)
            .detail("origins and destinations work on discrepancies", "差异由输出方和输入方处理")
            .param("required_role", "origin, destination"));
    }
    Ok(())
}

/// Nobody decides about the fact it reported itself.
///
/// # Errors
/// [`Code::OwnFact`].
pub fn require_other_party(row: &Discrepancy, party: Id) -> Result<()> {
    if row.reported_by == party {
        return Err(Error::new(Code::OwnFact).param("reported_by", party.to_string()));
    }
    Ok(())
}

/// The season of a claim in which other claims speak of the same sending.
fn one_season(windows: &AgreementWindows, one: Date, other: Date) -> bool {
    let season = i64::from(windows.season_before_days) + i64::from(windows.season_after_days);
    days_between(one, other).abs() <= season
}

/// The claims of one person that speak of the same season as the claim asked about.
pub fn of_season<'a>(
    windows: &AgreementWindows,
    asked: Id,
    claims: &'a [NamedClaim],
) -> impl Iterator<Item = &'a NamedClaim> {
    let (windows, day) = (*windows, claims.iter().find(|claim| claim.id == asked).map(|claim| claim.happened_on));
    claims.iter().filter(move |claim| day.is_some_and(|day| one_season(&windows, day.0, claim.happened_on.0)))
}

/// What speaks against a match: a number or a name that is another, a day outside the season of the placement.
#[must_use]
pub fn misfits(windows: &AgreementWindows, claims: &[&NamedClaim], target: &Target) -> Vec<Fault> {
    let planned = target.planned_arrival_on.0;
    let season = days_after(planned, -i64::from(windows.season_before_days))
        ..=days_after(planned, i64::from(windows.season_after_days));
    let number = claims.iter().any(|claim| target.exchange_index.as_ref() != Some(&claim.exchange_index));
    let name = claims.iter().any(|claim| target.name_index.as_ref() != Some(&claim.name_index));
    let day = claims.iter().any(|claim| !season.contains(&claim.happened_on.0));
    let fault = |code, en, zh| Fault::body("/placement_id", code, en, zh);
    let found = [
        number.then(|| fault("number_differs", "the identity number is another", "证件号码不一致")),
        name.then(|| fault("name_differs", "the name is another", "姓名不一致")),
        day.then(|| {
            fault("day_out_of_season", "the day lies outside the season of this placement", "日期不在该安置的期间内")
        }),
    ];
    found.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Day, Instant};
    use crate::reconciliation::report::RowDetail;
    use crate::reconciliation::situations::Situation;

    fn id(number: u128) -> Id {
        Id(uuid::Uuid::from_u128(number))
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    fn row(situation: Situation) -> ReconciliationRow {
        ReconciliationRow::of(id(1), situation, RowDetail::default(), (Some(id(1)), None), None)
    }

    fn known(situation: Situation, state: DiscrepancyState) -> Discrepancy {
        let row = row(situation);
        Discrepancy {
            agreement_id: id(100),
            id: id(2),
            subject_id: id(1),
            placement_id: Some(id(1)),
            claim_id: None,
            reported_by: id(10),
            code: row.discrepancy.unwrap(),
            situation,
            owner: row.owner,
            facts: facts_of(&row).unwrap(),
            detail: row.detail,
            state,
            due_on: day("2026-04-01"),
            outcome: None,
            version: 1,
            opened_at: Instant::from_micros(0),
            updated_at: Instant::from_micros(0),
        }
    }

    fn entry(number: u128, kind: DiscrepancyEntryKind, party: u128) -> DiscrepancyEntry {
        DiscrepancyEntry {
            agreement_id: id(100),
            id: id(number),
            discrepancy_id: id(2),
            kind,
            state: DiscrepancyState::Open,
            due_on: day("2026-04-01"),
            outcome: None,
            words: None,
            party_id: id(party),
            client_id: id(party),
            run_id: None,
            resolution_id: None,
            placement_id: None,
            forced: false,
            undoes: None,
            recorded_at: Instant::from_micros(0),
        }
    }

    #[test]
    fn what_people_resolved_is_opened_again_only_when_the_facts_change() {
        use DiscrepancyState::{Answered, Cleared, Open, Resolved};
        use Situation::{Missing, Unanswered};
        let finding_of = |state, situation| {
            let row = row(situation);
            finding(Some(&known(Missing, state)), &row, &facts_of(&row).unwrap())
        };
        assert_eq!(finding(None, &row(Missing), &[]), Finding::New);
        for (story, state, found, expected) in [
            ("the next run finds the same", Open, Missing, Finding::Known),
            ("answered, and nothing is new", Answered, Missing, Finding::Known),
            ("resolved, and nothing is new", Resolved, Missing, Finding::Known),
            ("resolved, and then somebody reports an arrival", Resolved, Unanswered, Finding::Reopened),
            ("open, and then somebody reports an arrival", Open, Unanswered, Finding::Reopened),
            ("agreed for a while, and then no longer", Cleared, Missing, Finding::Reopened),
        ] {
            assert_eq!(finding_of(state, found), expected, "{story}");
        }
        let mut other_day = row(Missing);
        other_day.detail.deadline_on = Some(day("2026-03-20"));
        let facts = facts_of(&other_day).unwrap();
        assert_eq!(finding(Some(&known(Missing, Open)), &other_day, &facts), Finding::Changed);
    }

    #[test]
    fn an_undo_takes_the_last_act_back_and_the_one_before_it_stands_again() {
        use DiscrepancyEntryKind::{Answered, Asked, Opened, Resolved, Undone};
        let entries = [
            entry(1, Opened, 10),
            entry(2, Asked, 20),
            entry(3, Answered, 10),
            entry(4, Undone, 10),
            entry(5, Resolved, 20),
        ];
        let (last, former) = undoable(&entries, id(20)).unwrap();
        assert_eq!(
            (last.id, former.id),
            (id(5), id(2)),
            "the answer was undone, so the question is what stands before"
        );
        assert_eq!(undoable(&entries, id(10)).unwrap_err().code, Code::RoleNotAllowed, "it is the other side's act");
        assert_eq!(undoable(&entries[..1], id(10)).unwrap_err().code, Code::TransitionNotAllowed, "a run found it");
        let (last, former) = undoable(&entries[..4], id(20)).unwrap();
        assert_eq!((last.id, former.id), (id(2), id(1)));
    }

    #[test]
    fn the_owner_is_the_party_of_the_placement_or_every_party_of_the_role() {
        let party = |number, role| AgreementParty {
            party_id: id(number),
            role,
            name: String::new(),
            kind: String::new(),
            region_code: None,
        };
        let parties = [
            party(10, PartyRole::Origin),
            party(11, PartyRole::Origin),
            party(20, PartyRole::Destination),
            party(30, PartyRole::Station),
        ];
        for (owner, expected) in [
            (Owner::Origin, vec![id(10), id(11)]),
            (Owner::Destination, vec![id(20)]),
            (Owner::Both, vec![id(10), id(11), id(20)]),
            (Owner::Employer, vec![id(20)]),
            (Owner::None, vec![]),
        ] {
            assert_eq!(owners(owner, None, &parties), expected, "{owner}");
        }
    }

    #[test]
    fn last_seasons_placement_does_not_fit_and_another_name_has_to_be_said() {
        let windows = AgreementWindows {
            minimum_evidence: crate::agreements::rule_terms::EvidenceLevel::E2,
            answer_days: 14,
            day_tolerance_days: 3,
            season_before_days: 30,
            season_after_days: 120,
        };
        let claim = |on: &str, name: &[u8]| NamedClaim {
            asked: id(1),
            id: id(1),
            claimant_id: id(40),
            happened_on: day(on),
            exchange_index: b"number".to_vec(),
            name_index: name.to_vec(),
            in_effect: true,
        };
        let target = |planned: &str| Target {
            planned_arrival_on: day(planned),
            exchange_index: Some(b"number".to_vec()),
            name_index: Some(b"zhang".to_vec()),
        };
        for (story, on, name, planned, expected) in [
            ("a week after the plan", "2027-03-08", "zhang", "2027-03-01", vec![]),
            ("the placement of last season", "2027-03-08", "zhang", "2026-03-01", vec!["day_out_of_season"]),
            ("a slip of the pen in the name", "2027-03-08", "zhuang", "2027-03-01", vec!["name_differs"]),
            ("both", "2027-03-08", "zhuang", "2026-03-01", vec!["name_differs", "day_out_of_season"]),
        ] {
            let found = misfits(&windows, &[&claim(on, name.as_bytes())], &target(planned));
            assert_eq!(found.iter().map(|fault| fault.code).collect::<Vec<_>>(), expected, "{story}");
        }
        let claims = [claim("2027-03-08", b"zhang"), NamedClaim { id: id(2), ..claim("2026-03-05", b"zhang") }];
        assert_eq!(
            of_season(&windows, id(1), &claims).map(|claim| claim.id).collect::<Vec<_>>(),
            [id(1)],
            "two seasons are two matters"
        );
    }
}
