//! Discrepancies (差异处理): what follows when a row of a reconciliation does not agree.
//!
//! A run opens a discrepancy for each row that has a failure code and somebody who must act. The same row in the next run is the same
//! discrepancy, under the same id; when the row agrees in a later run it is cleared by itself. In between people work on it: the owner of
//! the fact is asked and answers, somebody who did not report the fact resolves it, a claim that names a person is matched to a placement by
//! hand. Each of these is an entry, and so is its undoing, which restores the state before; nothing is ever taken out. What people resolved
//! is opened again only when the facts change.
//!
//! A side that contests a placement raises a dispute there ([`crate::arrivals::disputing`]); its discrepancy then stands in a column of its
//! own. Deliberately absent: changing a claim or a placement. A match is read by the next run; fulfilment goes by what is claimed of
//! the placement itself.

pub mod cases;
pub mod commands;
pub mod cures;
pub mod duties;
pub mod following;
pub mod matching;
pub mod requests;
pub mod routes;
pub mod rules;
pub mod store;

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{Day, Id, Instant};
use crate::http::receipt::Receipts;
use crate::lifecycle::Transition;
use crate::reconciliation::consequences::{DiscrepancyCode, Owner};
use crate::reconciliation::report::RowDetail;
use crate::reconciliation::situations::Situation;
use cures::Candidate;

/// Most discrepancies of one bulk resolution.
pub const RESOLUTION_ROWS_MAX: usize = 1_000;

/// Above so many rows a bulk resolution waits until another client of the same party confirms it.
pub const CONFIRM_ABOVE: usize = 20;

crate::text_enum! {
    /// Stored states of a discrepancy; whether it is overdue or disputed is computed.
    pub enum DiscrepancyState {
        /// Found by a run; the owner has until the due day.
        Open => "open" / "待处理",
        /// The owner was asked for evidence.
        Asked => "asked" / "已要求举证" / "evidence asked",
        /// The owner has answered; it waits for a resolution.
        Answered => "answered" / "已答复",
        /// Somebody who did not report the fact has decided.
        Resolved => "resolved" / "已处理",
        /// A later run found the row in agreement.
        Cleared => "cleared" / "已自行消除",
    }
}

crate::text_enum! {
    /// What may be done with a discrepancy. An undo is possible wherever the last entry is an act of the caller's party.
    pub enum DiscrepancyAction {
        /// Ask the owner for evidence.
        Ask => "ask" / "要求举证",
        /// Answer, as the owner.
        Answer => "answer" / "答复",
        /// Decide.
        Resolve => "resolve" / "处理",
        /// Match the claim to a placement by hand.
        Match => "match" / "人工匹配",
        /// A run finds that the row agrees.
        Clear => "clear" / "消除",
        /// A run finds other facts than those decided on.
        Reopen => "reopen" / "重新打开",
    }
}

/// The life of a discrepancy. An undo restores whatever state was before; see [`rules::standing`].
pub const TRANSITIONS: &[Transition<DiscrepancyState, DiscrepancyAction>] = &[
    (DiscrepancyState::Open, DiscrepancyAction::Ask, DiscrepancyState::Asked),
    (DiscrepancyState::Open, DiscrepancyAction::Answer, DiscrepancyState::Answered),
    (DiscrepancyState::Open, DiscrepancyAction::Resolve, DiscrepancyState::Resolved),
    (DiscrepancyState::Open, DiscrepancyAction::Match, DiscrepancyState::Resolved),
    (DiscrepancyState::Open, DiscrepancyAction::Clear, DiscrepancyState::Cleared),
    (DiscrepancyState::Asked, DiscrepancyAction::Ask, DiscrepancyState::Asked),
    (DiscrepancyState::Asked, DiscrepancyAction::Answer, DiscrepancyState::Answered),
    (DiscrepancyState::Asked, DiscrepancyAction::Resolve, DiscrepancyState::Resolved),
    (DiscrepancyState::Asked, DiscrepancyAction::Match, DiscrepancyState::Resolved),
    (DiscrepancyState::Asked, DiscrepancyAction::Clear, DiscrepancyState::Cleared),
    (DiscrepancyState::Asked, DiscrepancyAction::Reopen, DiscrepancyState::Open),
    (DiscrepancyState::Answered, DiscrepancyAction::Ask, DiscrepancyState::Asked),
    (DiscrepancyState::Answered, DiscrepancyAction::Answer, DiscrepancyState::Answered),
    (DiscrepancyState::Answered, DiscrepancyAction::Resolve, DiscrepancyState::Resolved),
    (DiscrepancyState::Answered, DiscrepancyAction::Match, DiscrepancyState::Resolved),
    (DiscrepancyState::Answered, DiscrepancyAction::Clear, DiscrepancyState::Cleared),
    (DiscrepancyState::Answered, DiscrepancyAction::Reopen, DiscrepancyState::Open),
    (DiscrepancyState::Resolved, DiscrepancyAction::Reopen, DiscrepancyState::Open),
    (DiscrepancyState::Cleared, DiscrepancyAction::Reopen, DiscrepancyState::Open),
];

crate::text_enum! {
    /// Whose word stands after a resolution.
    pub enum ResolutionOutcome {
        /// The origin's.
        OriginRight => "origin_right" / "以输出方为准" / "the origin is right",
        /// The destination's, or that of the employer there.
        DestinationRight => "destination_right" / "以输入方为准" / "the destination is right",
        /// Neither.
        BothWrong => "both_wrong" / "双方均有误" / "both are wrong",
        /// There was nothing to decide.
        Void => "void" / "作废",
    }
}

crate::text_enum! {
    /// What an entry of a discrepancy says.
    pub enum DiscrepancyEntryKind {
        /// A run found it.
        Opened => "opened" / "发现差异",
        /// A run found other values in the same situation.
        Changed => "changed" / "内容变化",
        /// A run found other facts than those decided on, or another situation.
        Reopened => "reopened" / "重新打开",
        /// A run found the row in agreement.
        Cleared => "cleared" / "自行消除",
        /// The owner was asked for evidence.
        Asked => "asked" / "要求举证",
        /// A party answered.
        Answered => "answered" / "答复",
        /// A bulk resolution that waits for a second person.
        Proposed => "proposed" / "待复核处理" / "resolution proposed",
        /// Decided.
        Resolved => "resolved" / "处理",
        /// Matched to a placement by hand.
        Matched => "matched" / "人工匹配",
        /// The entry before it was taken back.
        Undone => "undone" / "撤销",
    }
}

crate::text_enum! {
    /// States of a bulk resolution.
    pub enum ResolutionState {
        /// It waits for a second person of the same party.
        Proposed => "proposed" / "待复核",
        /// It has taken effect.
        InEffect => "in_effect" / "已生效",
    }
}

crate::text_enum! {
    /// What a second person may do with a bulk resolution.
    pub enum ResolutionAction {
        /// Confirm it.
        Confirm => "confirm" / "复核确认",
    }
}

/// The life of a bulk resolution.
pub const RESOLUTION_TRANSITIONS: &[Transition<ResolutionState, ResolutionAction>] =
    &[(ResolutionState::Proposed, ResolutionAction::Confirm, ResolutionState::InEffect)];

/// A discrepancy's row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::discrepancy)]
pub struct Discrepancy {
    /// The agreement.
    pub agreement_id: Id,
    /// Id, the same through all runs.
    pub id: Id,
    /// What the row is known by from run to run: the placement, or the first claim that named the person in the season.
    #[serde(skip)]
    pub subject_id: Id,
    /// The placement; null where nobody announced the person.
    pub placement_id: Option<Id>,
    /// The claim that decided, or that it is about; null where there is none.
    pub claim_id: Option<Id>,
    /// The party that reported the fact in question; another one resolves it.
    pub reported_by: Id,
    /// The failure, by the codes of the domain.
    pub code: DiscrepancyCode,
    /// The situation of the row in the last run that changed anything.
    pub situation: Situation,
    /// Who has to act.
    pub owner: Owner,
    /// What to look at: the field and both values, the deadline, the candidates.
    pub detail: RowDetail,
    /// Fingerprint of what the run found.
    #[serde(skip)]
    pub facts: Vec<u8>,
    /// Stored state.
    pub state: DiscrepancyState,
    /// Last day on which the owner's answer is in time, a working day.
    pub due_on: Day,
    /// Whose word stands; null until it is resolved, and where it was resolved by a match.
    pub outcome: Option<ResolutionOutcome>,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64, example = 3)]
    pub version: i64,
    /// Found first at.
    pub opened_at: Instant,
    /// Changed last at.
    pub updated_at: Instant,
}

/// A discrepancy with what the day and its placement say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DiscrepancyToday {
    /// The discrepancy.
    #[serde(flatten)]
    pub discrepancy: Discrepancy,
    /// Whether the owner still owes an answer and its last day has passed.
    pub is_overdue: bool,
    /// Whether a side contests the placement; such rows stand in a column of their own.
    pub is_disputed: bool,
    /// What to do, in Chinese.
    #[schema(max_length = 300)]
    pub remedy_zh: &'static str,
    /// What to do, in English.
    #[schema(max_length = 300)]
    pub remedy_en: &'static str,
}

impl DiscrepancyToday {
    /// The discrepancy as of `today`.
    #[must_use]
    pub fn of(discrepancy: Discrepancy, today: Day, is_disputed: bool) -> Self {
        let owing = matches!(discrepancy.state, DiscrepancyState::Open | DiscrepancyState::Asked);
        let line = discrepancy.situation.definition();
        Self {
            is_overdue: owing && discrepancy.due_on < today,
            is_disputed,
            remedy_zh: line.remedy_zh,
            remedy_en: line.remedy_en,
            discrepancy,
        }
    }
}

/// A discrepancy with everything that happened to it and, while it is not settled, the nearest placements.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DiscrepancyDetail {
    /// The discrepancy.
    #[serde(flatten)]
    pub discrepancy: DiscrepancyToday,
    /// Its entries, oldest first.
    #[schema(max_items = 1000)]
    pub entries: Vec<DiscrepancyEntry>,
    /// The placements that come nearest, best first, with what speaks for and against each. Nothing is chosen, and no value is shown.
    #[schema(max_items = 100)]
    pub candidates: Vec<Candidate>,
}

/// Something that happened to a discrepancy; never changed.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::discrepancy_entry)]
pub struct DiscrepancyEntry {
    /// The agreement.
    #[serde(skip)]
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// The discrepancy.
    #[serde(skip)]
    pub discrepancy_id: Id,
    /// What happened.
    pub kind: DiscrepancyEntryKind,
    /// The state after it.
    pub state: DiscrepancyState,
    /// The due day after it.
    pub due_on: Day,
    /// The outcome it decided, or proposed.
    pub outcome: Option<ResolutionOutcome>,
    /// The question, the answer or the reason, in the words of the party.
    #[schema(max_length = 500)]
    pub words: Option<String>,
    /// The party whose act it is; of a run, the one that asked for the run.
    pub party_id: Id,
    /// Its client.
    pub client_id: Id,
    /// The run that found it.
    pub run_id: Option<Id>,
    /// The bulk resolution it belongs to.
    pub resolution_id: Option<Id>,
    /// The placement it was matched to.
    pub placement_id: Option<Id>,
    /// Whether a match was forced although name, number or day do not fit.
    pub forced: bool,
    /// The entry that it takes back.
    pub undoes: Option<Id>,
    /// When.
    pub recorded_at: Instant,
}

/// One word over many discrepancies.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable, diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::discrepancy_resolution)]
pub struct DiscrepancyResolution {
    /// The agreement.
    pub agreement_id: Id,
    /// Id.
    pub id: Id,
    /// Whose word stands.
    pub outcome: ResolutionOutcome,
    /// Why.
    #[schema(max_length = 500)]
    pub reason: String,
    /// Whether it has taken effect.
    pub state: ResolutionState,
    /// Discrepancies it is about.
    #[schema(minimum = 0, maximum = 1000, example = 25)]
    pub row_count: i64,
    /// The party that made it.
    pub party_id: Id,
    /// Its client.
    pub client_id: Id,
    /// The second client of that party, which confirmed it.
    pub confirmed_by: Option<Id>,
    /// When it was made.
    pub made_at: Instant,
    /// When it was confirmed.
    pub confirmed_at: Option<Instant>,
}

/// A bulk resolution with what became of each row.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BulkResolution {
    /// The resolution.
    pub resolution: DiscrepancyResolution,
    /// What became of each discrepancy, in the order of the call.
    pub receipts: Receipts,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::{assert_sound, step};

    #[test]
    fn every_state_of_a_discrepancy_can_be_reached() {
        assert_sound(TRANSITIONS, DiscrepancyState::Open, DiscrepancyState::ALL);
        assert_sound(RESOLUTION_TRANSITIONS, ResolutionState::Proposed, ResolutionState::ALL);
    }

    #[test]
    fn people_work_on_a_discrepancy_only_until_it_is_settled() {
        use DiscrepancyAction::{Answer, Ask, Match, Resolve};
        for action in [Ask, Answer, Resolve, Match] {
            for state in DiscrepancyState::ALL {
                let settled = matches!(state, DiscrepancyState::Resolved | DiscrepancyState::Cleared);
                assert_eq!(step(TRANSITIONS, *state, action).is_err(), settled, "{action} in {state}");
            }
        }
    }
}
