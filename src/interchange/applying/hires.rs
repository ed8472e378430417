//! The employer's filing of people hired (备案花名册): who was newly hired has arrived, and a filed contract is evidence e4 of being in post.

use super::{Became, Step, persons};
use crate::agreements::rule_terms::EvidenceLevel;
use crate::arrivals::recording::record_all;
use crate::arrivals::{ClaimedOutcome, NewClaim};
use crate::db::{Day, DbConnection};
use crate::error::Result;
use crate::http::receipt::RowStatus;
use crate::interchange::finding::{Finding, FindingSeverity};
use crate::interchange::layouts::fields::Field;
use crate::interchange::record::Record;
use crate::interchange::store::rows::OpenRow;
use crate::retention::commands;
use crate::retention::records::{NewObservation, ObservationSource};
use crate::retention::store::reporter;
use crate::seal::Sensitive;

/// What a filed contract says of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Contract {
    /// Hired: an arrival.
    New,
    /// Still there under another contract.
    Goes,
    /// Over.
    Ended,
}

fn contract(record: &Record) -> Option<Contract> {
    match record.text(Field::ContractState)? {
        "新签" | "新签订" | "签订" | "1" | "01" => Some(Contract::New),
        "续签" | "变更" | "续订" | "2" | "3" | "02" | "03" => Some(Contract::Goes),
        "终止" | "中止" | "解除" | "4" | "5" | "04" | "05" => Some(Contract::Ended),
        _ => None,
    }
}

pub(super) fn claim(connection: &mut DbConnection, step: &Step<'_>, rows: &[&OpenRow]) -> Result<Vec<Became>> {
    // Strangers to the agreement learn nothing, whatever their rows say.
    reporter(connection, &step.actor.scope, step.agreement_id()?)?;
    let mut became: Vec<Option<Became>> = rows.iter().map(|_| None).collect();
    let mut claims = Vec::new();
    let mut claimed = Vec::new();
    for (place, (row, became)) in rows.iter().zip(became.iter_mut()).enumerate() {
        let record = &row.content.record;
        match (contract(record), record.date(Field::ContractStart)) {
            (Some(Contract::New), Some(from)) => {
                claims.push(arrival(record, from.first));
                claimed.push(place);
            }
            (Some(Contract::Goes), Some(_)) => {}
            (Some(Contract::Ended), _) => *became = Some(ended()),
            _ => *became = Some(unreadable()),
        }
    }
    if !claims.is_empty() {
        let agreement_id = step.agreement_id()?;
        let results = record_all(connection, &step.actor, step.tools.keys, step.tools.judge, agreement_id, &claims)?;
        for (place, result) in claimed.into_iter().zip(results) {
            if let Some(became) = became.get_mut(place) {
                *became = Some(Became::of(result));
            }
        }
    }
    observe(connection, step, rows, &mut became)?;
    Ok(became.into_iter().map(|became| became.unwrap_or_else(nobody)).collect())
}

fn arrival(record: &Record, day: Day) -> NewClaim {
    let sensitive = |field| record.text(field).map(|text| Sensitive::new(text.to_owned()));
    NewClaim {
        placement_id: None,
        placement_ref: None,
        name: sensitive(Field::Name),
        identity_number: sensitive(Field::IdentityNumber),
        outcome: ClaimedOutcome::Onboarded,
        happened_on: day,
        employer_id: None,
        region_code: None,
        evidence: EvidenceLevel::E4,
        client_ref: None,
    }
}

/// Observes those who are in post: with the contract filed on its first day, everybody whose contract goes on, and who has just arrived.
fn observe(
    connection: &mut DbConnection,
    step: &Step<'_>,
    rows: &[&OpenRow],
    became: &mut [Option<Became>],
) -> Result<()> {
    let placements = persons::placements(connection, step, rows)?;
    let (mut places, mut seen) = (Vec::new(), Vec::new());
    for (place, (row, found)) in rows.iter().zip(placements).enumerate() {
        let record = &row.content.record;
        let refused =
            became.get(place).is_some_and(|became| became.as_ref().is_some_and(|became| became.result.is_err()));
        if let (false, [placement], Some(from)) = (refused, found.as_slice(), record.date(Field::ContractStart)) {
            places.push(place);
            seen.push(NewObservation {
                placement_id: Some(*placement),
                placement_ref: None,
                in_post: true,
                seen_from: from.first,
                seen_to: from.first,
                employer_id: None,
                region_code: None,
                evidence: EvidenceLevel::E4,
                source: ObservationSource::Registration,
                monthly_wage_fen: record.wage(Field::MonthlyIncome).map(|wage| wage.min_fen),
                client_ref: None,
            });
        }
    }
    if seen.is_empty() {
        return Ok(());
    }
    let outcomes = commands::observe(connection, &step.actor, step.agreement_id()?, &seen)?;
    for (place, outcome) in places.into_iter().zip(outcomes) {
        let Some(became) = became.get_mut(place) else { continue };
        *became = Some(match (became.take(), Became::of(outcome)) {
            (None, observed) => observed,
            // The arrival stands; what could not be observed beside it is told.
            (Some(arrived), Became { result: Err(why), .. }) => {
                let told =
                    why.into_iter().map(|finding| Finding { severity: FindingSeverity::Notice, ..finding }).collect();
                Became { told, ..arrived }
            }
            (Some(arrived), Became { result: Ok((RowStatus::Accepted, _)), .. }) => {
                Became { result: arrived.result.map(|(_, id)| (RowStatus::Accepted, id)), told: arrived.told }
            }
            (Some(arrived), _) => arrived,
        });
    }
    Ok(())
}

fn ended() -> Became {
    Became::refused(
        "contract_ended",
        "the contract is over; report who left under exits, with the day and the reason",
        "合同已终止，离岗请在“离岗信息”中提交日期和原因",
    )
}

fn unreadable() -> Became {
    Became::refused(
        "contract_unreadable",
        "the state of the contract must be 新签, 续签, 变更, 终止 or 中止, and its first day must be given",
        "合同状态须为新签、续签、变更、终止或中止，并填写合同始期",
    )
}

pub(super) fn nobody() -> Became {
    Became::refused(
        "placement_unknown",
        "no single departed placement of the agreement has this name and identity number, as far as you may know",
        "协议下没有（或不止一条）姓名和身份证号码均相符的已出发安置记录，或贵方无权报送",
    )
}
