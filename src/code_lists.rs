//! Every enumerated value of the API with its label in Chinese and English, for whoever shows them to people.
//!
//! The labels stand where the values are declared; here each list only gets the name it is found under. Tests hold the lists to the
//! declarations in the source and to the enumerations of the API document.

pub mod routes;

use serde::Serialize;
use utoipa::ToSchema;

use crate::agreements::guarantee_terms::{ExitReason, ExitSide};
use crate::agreements::rule_terms::{
    ArrivalMeaning, AttributionRule, Continuity, EmployerScope, EvidenceLevel, IncomeWindow, NodeUnit, SplitCredit,
    StartBasis,
};
use crate::agreements::{
    self, AgreementAction, AgreementKind, AgreementState, Indicator, PartyRole, Unit, VersionAction, VersionState,
};
use crate::arrivals::{ClaimantRole, ClaimedOutcome, DisputeAction, DisputeState};
use crate::calendar::DayKind;
use crate::db::text_columns::CodeLabel;
use crate::discrepancies::duties::DutyClosing;
use crate::discrepancies::{
    DiscrepancyAction, DiscrepancyEntryKind, DiscrepancyState, ResolutionAction, ResolutionOutcome, ResolutionState,
};
use crate::dispatches::tally::{self, Measure};
use crate::dispatches::{DispatchAction, DispatchMode, DispatchState, PlacementState};
use crate::error::Code;
use crate::events::kinds::EventKind;
use crate::fulfilment::Step;
use crate::http::receipt::RowStatus;
use crate::identity::clients::{ClientAction, ClientState, KeyState};
use crate::indicators::FigureSide;
use crate::indicators::definitions::{Condition, IndicatorBasis, ScopeSplit};
use crate::interchange::finding::FindingSeverity;
use crate::interchange::layouts::ImportTarget;
use crate::interchange::reading::FileFormat;
use crate::interchange::{ImportAction, ImportRowKind, ImportState, ImportVerdict};
use crate::jobs::{JobKind, JobState};
use crate::parties::credit_code::CreditCodeWarning;
use crate::parties::{PartyAction, PartyKind, PartyState};
use crate::quotas::accounts::{AccountKind, EntryKind};
use crate::quotas::{QuotaAction, QuotaStanding, QuotaState};
use crate::reconciliation::consequences::{AppliesTo, CountsAs, DiscrepancyCode, Owner, TwoSided};
use crate::reconciliation::differences::MismatchField;
use crate::reconciliation::matching::IdentityTier;
use crate::reconciliation::report::RunState;
use crate::reconciliation::situations::Situation;
use crate::regions::routes::CodeStatus;
use crate::regions::{RegionKind, RegionLevel, Scope, ThreeWayScope};
use crate::retention::exits::ExitKind;
use crate::retention::facts::DateGrain;
use crate::retention::guarantee::{ReplacementAction, ReplacementStanding, ReplacementState};
use crate::retention::records::{ObservationSource, ReporterRole};
use crate::retention::verdict::{NodeState, RetentionReason};
use crate::statements::figures::{Basis, StatementIndicator};
use crate::statements::movement::FactKind;
use crate::statements::{ObjectionAction, ObjectionState, StatementAction, StatementState};
use crate::webhooks::signature::SignatureKind;
use crate::webhooks::{DeliveryFailure, DeliveryState, DisabledReason, WebhookAction, WebhookState};
use crate::workers::{ErasureReason, GroupCode, Population, WorkerAction, WorkerSex, WorkerState};

/// One list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "name": "party-state", "items": [
    { "code": "active", "label_en": "active", "label_zh": "有效" },
    { "code": "suspended", "label_en": "suspended", "label_zh": "已停用" },
] }))]
pub struct CodeList {
    /// What it is found under: the name of the schema in kebab-case.
    #[schema(max_length = 50)]
    pub name: &'static str,
    /// Its values, in their own order.
    #[schema(max_items = 200)]
    pub items: Vec<CodeLabel>,
}

/// Every list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "items": [{ "name": "exit-kind", "items": [
    { "code": "reported", "label_en": "reported", "label_zh": "报告离岗" },
] }] }))]
pub struct CodeLists {
    /// The lists, by name.
    #[schema(max_items = 200)]
    pub items: Vec<CodeList>,
}

type Labels = fn() -> Vec<CodeLabel>;

const LISTS: &[(&str, Labels)] = &[
    ("account-kind", AccountKind::labels),
    ("agreement-action", AgreementAction::labels),
    ("agreement-kind", AgreementKind::labels),
    ("agreement-state", AgreementState::labels),
    ("applies-to", AppliesTo::labels),
    ("arrival-meaning", ArrivalMeaning::labels),
    ("attribution-rule", AttributionRule::labels),
    ("basis", Basis::labels),
    ("claimant-role", ClaimantRole::labels),
    ("claimed-outcome", ClaimedOutcome::labels),
    ("client-action", ClientAction::labels),
    ("client-state", ClientState::labels),
    ("code-status", CodeStatus::labels),
    ("condition", Condition::labels),
    ("continuity", Continuity::labels),
    ("counts-as", CountsAs::labels),
    ("credit-code-warning", CreditCodeWarning::labels),
    ("date-grain", DateGrain::labels),
    ("day-kind", DayKind::labels),
    ("delivery-failure", DeliveryFailure::labels),
    ("delivery-state", DeliveryState::labels),
    ("disabled-reason", DisabledReason::labels),
    ("discrepancy-action", DiscrepancyAction::labels),
    ("discrepancy-code", DiscrepancyCode::labels),
    ("discrepancy-entry-kind", DiscrepancyEntryKind::labels),
    ("discrepancy-state", DiscrepancyState::labels),
    ("dispatch-action", DispatchAction::labels),
    ("dispatch-mode", DispatchMode::labels),
    ("dispatch-state", DispatchState::labels),
    ("dispute-action", DisputeAction::labels),
    ("dispute-state", DisputeState::labels),
    ("duty-closing", DutyClosing::labels),
    ("employer-scope", EmployerScope::labels),
    ("entry-kind", EntryKind::labels),
    ("erasure-reason", ErasureReason::labels),
    ("event-kind", EventKind::labels),
    ("evidence-level", EvidenceLevel::labels),
    ("exit-kind", ExitKind::labels),
    ("exit-reason", ExitReason::labels),
    ("exit-side", ExitSide::labels),
    ("fact-kind", FactKind::labels),
    ("figure-side", FigureSide::labels),
    ("figure-standing", tally::Standing::labels),
    ("figure-step", Step::labels),
    ("file-format", FileFormat::labels),
    ("finding-severity", FindingSeverity::labels),
    ("group-code", GroupCode::labels),
    ("identity-tier", IdentityTier::labels),
    ("import-action", ImportAction::labels),
    ("import-row-kind", ImportRowKind::labels),
    ("import-state", ImportState::labels),
    ("import-target", ImportTarget::labels),
    ("import-verdict", ImportVerdict::labels),
    ("income-window", IncomeWindow::labels),
    ("indicator", Indicator::labels),
    ("indicator-basis", IndicatorBasis::labels),
    ("job-kind", JobKind::labels),
    ("job-state", JobState::labels),
    ("key-state", KeyState::labels),
    ("measure", Measure::labels),
    ("mismatch-field", MismatchField::labels),
    ("node-state", NodeState::labels),
    ("node-unit", NodeUnit::labels),
    ("objection-action", ObjectionAction::labels),
    ("objection-state", ObjectionState::labels),
    ("observation-source", ObservationSource::labels),
    ("owner", Owner::labels),
    ("party-action", PartyAction::labels),
    ("party-kind", PartyKind::labels),
    ("party-role", PartyRole::labels),
    ("party-state", PartyState::labels),
    ("placement-state", PlacementState::labels),
    ("population", Population::labels),
    ("problem", problems),
    ("quota-action", QuotaAction::labels),
    ("quota-standing", QuotaStanding::labels),
    ("quota-state", QuotaState::labels),
    ("region-kind", RegionKind::labels),
    ("region-level", RegionLevel::labels),
    ("replacement-action", ReplacementAction::labels),
    ("replacement-standing", ReplacementStanding::labels),
    ("replacement-state", ReplacementState::labels),
    ("reporter-role", ReporterRole::labels),
    ("resolution-action", ResolutionAction::labels),
    ("resolution-outcome", ResolutionOutcome::labels),
    ("resolution-state", ResolutionState::labels),
    ("retention-reason", RetentionReason::labels),
    ("row-status", RowStatus::labels),
    ("run-state", RunState::labels),
    ("scope", Scope::labels),
    ("scope-split", ScopeSplit::labels),
    ("signature-kind", SignatureKind::labels),
    ("situation", Situation::labels),
    ("split-credit", SplitCredit::labels),
    ("standing", agreements::Standing::labels),
    ("start-basis", StartBasis::labels),
    ("statement-action", StatementAction::labels),
    ("statement-indicator", StatementIndicator::labels),
    ("statement-state", StatementState::labels),
    ("three-way-scope", ThreeWayScope::labels),
    ("two-sided", TwoSided::labels),
    ("unit", Unit::labels),
    ("version-action", VersionAction::labels),
    ("version-state", VersionState::labels),
    ("webhook-action", WebhookAction::labels),
    ("webhook-state", WebhookState::labels),
    ("worker-action", WorkerAction::labels),
    ("worker-sex", WorkerSex::labels),
    ("worker-state", WorkerState::labels),
];

fn problems() -> Vec<CodeLabel> {
    let label = |code: &Code| {
        let definition = code.definition();
        CodeLabel::new(definition.name, definition.title_en, definition.title_zh)
    };
    Code::ALL.iter().map(label).collect()
}

/// Every list, by name.
#[must_use]
pub fn all() -> CodeLists {
    CodeLists { items: LISTS.iter().map(|(name, labels)| CodeList { name, items: labels() }).collect() }
}

/// The list of a name.
#[must_use]
pub fn find(name: &str) -> Option<CodeList> {
    LISTS.iter().find(|(known, _)| *known == name).map(|(name, labels)| CodeList { name, items: labels() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_label_in_both_languages() {
        for list in all().items {
            for label in &list.items {
                let chinese = label.label_zh.chars().any(|letter| letter > '一');
                assert!(chinese && !label.label_en.is_empty(), "{}: {label:?}", list.name);
                assert!(!label.label_en.contains('_'), "{}: {label:?}", list.name);
            }
        }
    }

    #[test]
    fn lists_stand_in_the_order_of_their_names_and_once() {
        assert!(LISTS.is_sorted_by(|left, right| left.0 < right.0));
    }
}
