//! The answer to a call with many rows: what became of each, always under 207, never hidden behind a status of the whole.

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::FaultView;
use crate::db::Id;
use crate::error::{Error, Fault, Language, Place};

crate::text_enum! {
    /// What became of a row.
    pub enum RowStatus {
        /// Taken, something new was written.
        Accepted => "accepted" / "已接收",
        /// It was already there, exactly so; nothing was written.
        Unchanged => "unchanged" / "无变化",
        /// Not taken; errors say why. The other rows stand.
        Rejected => "rejected" / "已拒绝",
        /// It would have been taken, but another row of an `atomic` call was rejected.
        Skipped => "skipped" / "未执行",
    }
}

/// What became of one row.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Receipt {
    /// Number of the row in the call or file, from 1; headings and blank lines do not count.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub row: usize,
    /// The line of the file the row begins in, from 1; of NDJSON and CSV only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub line: Option<usize>,
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

impl Receipt {
    /// A row that could not be read.
    #[must_use]
    pub fn unreadable(row: usize, faults: &[Fault], language: Language) -> Self {
        let errors = faults.iter().map(|fault| FaultView::of(fault, language)).collect();
        Self { row, line: None, partner_ref: None, status: RowStatus::Rejected, id: None, errors }
    }

    /// The same for the row at another place (from 0) than the one it was handled at.
    #[must_use]
    pub fn at(mut self, place: usize) -> Self {
        let (handled, own) = (format!("#/rows/{}", self.row.saturating_sub(1)), format!("#/rows/{place}"));
        for error in &mut self.errors {
            if let Some(pointer) = &mut error.pointer
                && let Some(rest) = pointer.strip_prefix(&handled)
                && (rest.is_empty() || rest.starts_with('/'))
            {
                *pointer = format!("{own}{rest}");
            }
        }
        self.row = place.saturating_add(1);
        self
    }
}

/// What became of every row of a call.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Receipts {
    /// Whether what was accepted stands: not with `validate_only`, nor where a row of an `atomic` call was rejected.
    pub applied: bool,
    /// Rows accepted.
    #[schema(minimum = 0, maximum = 5000)]
    pub accepted: usize,
    /// Rows already there.
    #[schema(minimum = 0, maximum = 5000)]
    pub unchanged: usize,
    /// Rows rejected.
    #[schema(minimum = 0, maximum = 5000)]
    pub rejected: usize,
    /// Rows of an `atomic` call that others held back.
    #[schema(minimum = 0, maximum = 5000)]
    pub skipped: usize,
    /// Headings of a CSV file that mean no field here; their cells were not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 1000, max_length = 100)]
    pub unknown_columns: Vec<String>,
    /// One result for each row, in the order of the call.
    #[schema(max_items = 5000)]
    pub results: Vec<Receipt>,
}

impl Default for Receipts {
    fn default() -> Self {
        Self {
            applied: true,
            accepted: 0,
            unchanged: 0,
            rejected: 0,
            skipped: 0,
            unknown_columns: Vec::new(),
            results: Vec::new(),
        }
    }
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
        self.add(match outcome {
            Ok((status, id)) => Receipt { row, line: None, partner_ref, status, id: Some(id), errors: Vec::new() },
            Err(faults) => Receipt { partner_ref, ..Receipt::unreadable(row, &faults, language) },
        });
    }

    /// Adds a receipt.
    pub fn add(&mut self, receipt: Receipt) {
        match receipt.status {
            RowStatus::Accepted => self.accepted += 1,
            RowStatus::Unchanged => self.unchanged += 1,
            RowStatus::Rejected => self.rejected += 1,
            RowStatus::Skipped => self.skipped += 1,
        }
        self.results.push(receipt);
    }

    /// The receipts of a call whose effects were taken back; with `held_back` because another row was rejected.
    #[must_use]
    pub fn taken_back(self, held_back: bool) -> Self {
        let mut receipts = Self { applied: false, unknown_columns: self.unknown_columns, ..Self::default() };
        for mut receipt in self.results {
            if receipt.status == RowStatus::Accepted {
                receipt.id = None;
                if held_back {
                    receipt.status = RowStatus::Skipped;
                }
            }
            receipts.add(receipt);
        }
        receipts
    }
}

/// The faults of a refused row, each under the row's pointer.
#[must_use]
pub fn row_faults(error: Error, row: usize) -> Vec<Fault> {
    if error.faults.is_empty() {
        let definition = error.code.definition();
        let mut fault = Fault::body(format!("/rows/{row}"), definition.name, definition.title_en, definition.title_zh);
        if let Some(detail) = error.detail {
            fault.detail = *detail;
        }
        fault.params = error.params;
        return vec![fault];
    }
    let prefixed = |mut fault: Fault| {
        if let Place::Body { pointer } = &mut fault.place {
            *pointer = format!("#/rows/{row}{}", pointer.trim_start_matches('#'));
        }
        fault
    };
    error.faults.into_iter().map(prefixed).collect()
}
