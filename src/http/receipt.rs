//! The answer to a call with many rows: what became of each, always under 207, never hidden behind a status of the whole.

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::FaultView;
use crate::db::Id;
use crate::error::{Fault, Language};

crate::text_enum! {
    /// What became of a row.
    pub enum RowStatus {
        /// Taken, something new was written.
        Accepted => "accepted" / "已接收",
        /// It was already there, exactly so; nothing was written.
        Unchanged => "unchanged" / "无变化",
        /// Not taken; errors say why. The other rows stand.
        Rejected => "rejected" / "已拒绝",
    }
}

/// What became of one row.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Receipt {
    /// Number of the row in the call, from 1.
    #[schema(minimum = 1, maximum = 5000)]
    pub row: usize,
    /// The sender's own reference of the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub partner_ref: Option<String>,
    /// What became of it.
    pub status: RowStatus,
    /// The thing it became or already was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub errors: Vec<FaultView>,
}

/// What became of every row of a call.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Receipts {
    /// Rows accepted.
    #[schema(minimum = 0, maximum = 5000)]
    pub accepted: usize,
    /// Rows already there.
    #[schema(minimum = 0, maximum = 5000)]
    pub unchanged: usize,
    /// Rows rejected.
    #[schema(minimum = 0, maximum = 5000)]
    pub rejected: usize,
    /// One result for each row, in the order of the call.
    #[schema(max_items = 5000)]
    pub results: Vec<Receipt>,
}

impl Receipts {
    /// Adds what became of the next row.
    pub fn push(
        &mut self,
        partner_ref: Option<String>,
        outcome: Result<(RowStatus, Id), Vec<Fault>>,
        language: Language,
    ) {
        let row = self.results.len() + 1;
        let (status, id, faults) = match outcome {
            Ok((status, id)) => (status, Some(id), Vec::new()),
            Err(faults) => (RowStatus::Rejected, None, faults),
        };
        match status {
            RowStatus::Accepted => self.accepted += 1,
            RowStatus::Unchanged => self.unchanged += 1,
            RowStatus::Rejected => self.rejected += 1,
        }
        let errors = faults.iter().map(|fault| FaultView::of(fault, language)).collect();
        self.results.push(Receipt { row, partner_ref, status, id, errors });
    }
}
