//! The example in the document: the agreement of Shaoyang County with Yiwu, whole, so that a partner's developer can send it as it is once
//! the parties' ids are put in.

use serde_json::{Value, json};

/// Terms with every clause that is compared or counted.
#[must_use]
pub fn terms() -> Value {
    json!({
        "targets": [
            { "plan_year": 2026, "indicator": "onboarded", "population": "all", "scope": "outside_province", "unit": "person", "number": 2500 },
            { "plan_year": 2026, "indicator": "onboarded", "population": "lifted", "unit": "person", "number": 300 },
            { "plan_year": 2026, "indicator": "retained", "node": { "unit": "days", "length": 90 }, "population": "all", "unit": "person", "number": 2000 }
        ],
        "arrival": { "meaning": "onboarded", "window_days": 7, "minimum_evidence": "e2" },
        "retention": {
            "rule_id": "stay_3m_continuous",
            "nodes": [
                { "unit": "days", "length": 30 }, { "unit": "days", "length": 90 }, { "unit": "days", "length": 180 }, { "unit": "days", "length": 365 }
            ],
            "continuity": "continuous", "allowed_gap_days": 15, "employer_scope": "same_region", "start_basis": "onboarded_day",
            "minimum_evidence": "e2", "monthly_wage_floor_fen": null, "evidence_valid_days": 62
        },
        "attribution": "earliest_confirmed_arrival",
        "split_credit": "whole_to_primary",
        "caps": { "agreement": 3000 },
        "hold_days": 30,
        "deadlines": { "answer_days": 14, "exit_days": 7 },
        "guarantee": { "window_days": 90, "replacement_days": 30, "reasons": ["resigned", "left_without_notice", "returned_home"] },
        "data_sharing": { "legal_basis": "协议第六条", "purpose": "到岗交接与稳岗跟踪", "retention_days": 1095 }
    })
}

/// The agreement that these terms belong to.
#[must_use]
pub fn agreement() -> Value {
    json!({
        "number": "SY-YW-2026-01",
        "title": "邵阳县—义乌市劳务协作协议",
        "kind": "inter_provincial",
        "effective_from": "2026-01-01",
        "effective_to": "2028-12-31",
        "partner_ref": "协作-2026-007",
        "parties": [
            { "party_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "role": "origin" },
            { "party_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c51", "role": "destination" }
        ],
        "terms": terms(),
    })
}

#[cfg(test)]
mod tests {
    use crate::agreements::requests::NewAgreement;

    #[test]
    fn the_example_can_be_sent_as_it_is() {
        let read: NewAgreement = serde_json::from_value(super::agreement()).unwrap();
        assert_eq!(read.terms.targets.len(), 3);
    }
}
