//! Wage ledgers and lists of those who were paid a subsidy become observations: somebody was in post over a period, with a wage where one
//! was paid.

use super::hires::nobody;
use super::{Became, Step, persons};
use crate::agreements::rule_terms::EvidenceLevel;
use crate::db::{DbConnection, Id};
use crate::error::Result;
use crate::interchange::cells::{self, Dated};
use crate::interchange::finding::{Finding, FindingSeverity};
use crate::interchange::layouts::ImportTarget;
use crate::interchange::layouts::fields::Field;
use crate::interchange::reading::Cell;
use crate::interchange::record::Record;
use crate::interchange::store::rows::OpenRow;
use crate::retention::commands;
use crate::retention::records::{NewObservation, ObservationSource, ReporterRole};
use crate::retention::store::reporter;

pub(super) fn observe(connection: &mut DbConnection, step: &Step<'_>, rows: &[&OpenRow]) -> Result<Vec<Became>> {
    let agreement_id = step.agreement_id()?;
    let by = reporter(connection, &step.actor.scope, agreement_id)?;
    let placements = persons::placements(connection, step, rows)?;
    let mut became: Vec<Option<Became>> = rows.iter().map(|_| None).collect();
    let (mut places, mut seen) = (Vec::new(), Vec::new());
    for (place, ((row, found), became)) in rows.iter().zip(placements).zip(became.iter_mut()).enumerate() {
        let record = &row.content.record;
        match (found.as_slice(), period(step, record)) {
            ([placement], Some(period)) => {
                places.push(place);
                seen.push(observation(step, record, *placement, period, by.role));
            }
            ([_], None) => *became = Some(no_period()),
            _ => *became = Some(nobody()),
        }
    }
    if !seen.is_empty() {
        let outcomes = commands::observe(connection, &step.actor, agreement_id, &seen)?;
        for (place, outcome) in places.into_iter().zip(outcomes) {
            if let Some(became) = became.get_mut(place) {
                *became = Some(Became { told: capped(step, by.role), ..Became::of(outcome) });
            }
        }
    }
    Ok(became.into_iter().map(|became| became.unwrap_or_else(nobody)).collect())
}

/// The days a row speaks of: the month that was paid, or the stay; of a stay that goes on, as far as today.
fn period(step: &Step<'_>, record: &Record) -> Option<Dated> {
    if step.import.target == ImportTarget::Wages {
        let asked = step.import.options.pay_month.as_ref().map(|month| Cell::Text(month.clone()));
        let asked = asked.and_then(|month| cells::dated(&month).ok().flatten());
        return record
            .date(Field::PayMonth)
            .or(asked)
            .map(|month| Dated { first: month.first, last: crate::db::Day(month.first.0.last_of_month()) });
    }
    let today = step.actor.now.day();
    let last = record.ended().map_or(today, |ended| ended.last.min(today));
    record.started().map(|began| Dated { first: began.first, last })
}

fn observation(step: &Step<'_>, record: &Record, placement: Id, days: Dated, role: ReporterRole) -> NewObservation {
    let (source, evidence, wage) = if step.import.target == ImportTarget::Wages {
        (ObservationSource::WageLedger, EvidenceLevel::E3, record.wage(Field::PaidAmount))
    } else {
        // What was paid is a subsidy, no wage; that somebody was there is their own word.
        (ObservationSource::Registration, EvidenceLevel::E0, None)
    };
    let evidence = if role == ReporterRole::Origin { evidence.min(EvidenceLevel::E1) } else { evidence };
    NewObservation {
        placement_id: Some(placement),
        placement_ref: None,
        in_post: true,
        seen_from: days.first,
        seen_to: days.last,
        employer_id: None,
        region_code: None,
        evidence,
        source,
        monthly_wage_fen: wage.map(|wage| wage.min_fen),
        client_ref: None,
    }
}

/// An origin can report what it heard, not prove it.
fn capped(step: &Step<'_>, role: ReporterRole) -> Vec<Finding> {
    if role != ReporterRole::Origin || step.import.target != ImportTarget::Wages {
        return Vec::new();
    }
    let (en, zh) =
        ("a wage ledger that the origin reports counts as evidence e1", "由输出地报送的工资台账按 e1 级证据采信");
    vec![Finding::of_row(FindingSeverity::Notice, "evidence_capped", en, zh)]
}

fn no_period() -> Became {
    Became::refused(
        "period_missing",
        "says not for which month or days; fill in the month, or send pay_month",
        "未写明所属月份或起止时间，请填写或注明 pay_month",
    )
}
