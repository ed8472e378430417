//! Interchange (数据文件): files as people have them, on their way in, and lists on their way out as files.
//!
//! A file that is sent becomes an *import*: its rows are read ([`reading`], [`layouts`], [`record`]), checked by the rules that officials
//! check by ([`rules`]), tried against the books without leaving a trace, and then applied through the same commands as the API
//! ([`applying`]). Every original row is kept, sealed, so that the same file can be given back with what was found beside each row.
//! A row stands alone: what cannot be taken does not stop the others. The same file sent again changes nothing.
//!
//! Deliberately absent: guessing. A damaged identity number, a place that could be two, a month that could be January or October is
//! reported with its cell.

pub mod apply_command;
pub mod applying;
pub mod cells;
pub mod finding;
pub mod intake;
pub mod layouts;
pub mod reading;
pub mod record;
pub mod returning;
pub mod routes;
pub mod rules;
pub mod store;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::db::{Day, Id, Instant};
use crate::lifecycle::Transition;
use crate::regions::RegionCode;

use finding::{Finding, FindingSeverity};
use layouts::ImportTarget;
use reading::FileFormat;

/// Rows that one step tries or applies, in one transaction; a file of as many is done within the request that brings it.
pub const ROWS_PER_STEP: i64 = 1_000;

crate::text_enum! {
    /// How far an import is.
    pub enum ImportState {
        /// The rows are kept; they are being tried.
        Received => "received" / "已接收",
        /// Every row was tried; nothing has been written.
        Checked => "checked" / "已校验",
        /// Its rows are being applied.
        Applying => "applying" / "导入中",
        /// Every row that could be taken was taken.
        Applied => "applied" / "已导入",
        /// No row of it could be taken, or it could not go on.
        Rejected => "rejected" / "已拒绝",
    }
}

crate::text_enum! {
    /// What may happen to an import.
    pub enum ImportAction {
        /// Every row was tried.
        Check => "check" / "校验",
        /// Write what can be written.
        Apply => "apply" / "导入",
        /// Every row was applied.
        Finish => "finish" / "完成",
        /// Give it up.
        Reject => "reject" / "拒绝",
    }
}

/// The life of an import.
pub const TRANSITIONS: &[Transition<ImportState, ImportAction>] = &[
    (ImportState::Received, ImportAction::Check, ImportState::Checked),
    (ImportState::Received, ImportAction::Reject, ImportState::Rejected),
    (ImportState::Checked, ImportAction::Apply, ImportState::Applying),
    (ImportState::Checked, ImportAction::Reject, ImportState::Rejected),
    (ImportState::Applying, ImportAction::Finish, ImportState::Applied),
    (ImportState::Applying, ImportAction::Reject, ImportState::Rejected),
];

crate::text_enum! {
    /// What a row of a file is.
    pub enum ImportRowKind {
        /// A row of the list.
        Data => "data" / "数据",
        /// The headings.
        Header => "header" / "表头",
        /// Words above the headings, or on a sheet without a list.
        Title => "title" / "标题",
        /// A sum below the list.
        Total => "total" / "合计",
        /// Words below the list.
        Note => "note" / "说明",
    }
}

crate::text_enum! {
    /// What became of a row; before the import is applied, what would become of it.
    pub enum ImportVerdict {
        /// Not tried yet.
        Pending => "pending" / "待校验",
        /// Taken: something new was written.
        Accepted => "accepted" / "已接收",
        /// It was already there, exactly so.
        Unchanged => "unchanged" / "无变化",
        /// Not taken; the findings say why.
        Rejected => "rejected" / "已拒绝",
        /// No row of the list: a title, heading, sum or note.
        Skipped => "skipped" / "已跳过",
    }
}

/// What a file is sent with: which layout it has and what its rows belong to.
#[derive(
    Debug,
    Clone,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    IntoParams,
    ToSchema,
    diesel::Queryable,
    diesel::Selectable,
    diesel::Insertable,
)]
#[diesel(table_name = crate::db::schema::file_import)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ImportOptions {
    /// The layout; left out, it is recognised by the headings.
    #[serde(default)]
    #[param(required = false, max_length = 50, example = "worker_roster")]
    #[schema(max_length = 50, example = "worker_roster")]
    pub layout: String,
    /// The agreement its rows belong to; needed for everything but lists of workers.
    pub agreement_id: Option<Id>,
    /// The dispatch whose roster its people go on.
    pub dispatch_id: Option<Id>,
    /// The quota its people go to; left out, the employer and post of each row name it.
    pub quota_id: Option<Id>,
    /// The employer of every row, for a demand table whose employers are not registered one by one.
    pub employer_id: Option<Id>,
    /// The workplace of every row that names none.
    pub region_code: Option<RegionCode>,
    /// The month the wages are for (`2026-03`), where the file has no column for it.
    #[param(pattern = "^[0-9]{4}-[0-9]{2}$", max_length = 7)]
    #[schema(max_length = 7)]
    pub pay_month: Option<String>,
    /// Until when the posts are offered, where the file has no column for it; left out, the end of the year.
    pub valid_until: Option<Day>,
    /// The day of the list from which group memberships (脱贫人口, 监测对象) count; left out, they are not taken.
    pub list_date: Option<Day>,
    /// Only try the rows; `POST /v1/imports/{id}/apply` applies them later.
    #[serde(default)]
    pub validate_only: bool,
}

/// How often something was found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingCount {
    /// The code of the findings.
    #[schema(max_length = 100, example = "R15")]
    pub code: String,
    /// How much they weigh.
    pub severity: FindingSeverity,
    /// In how many rows.
    #[schema(minimum = 1, maximum = 100_000)]
    pub rows: i64,
}

/// An import's row.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema, diesel::Queryable, diesel::Selectable)]
#[diesel(table_name = crate::db::schema::file_import)]
pub struct Import {
    /// Id.
    pub id: Id,
    /// Whose it is.
    pub party_id: Id,
    /// The client that sent it.
    pub client_id: Id,
    /// What its rows become.
    pub target: ImportTarget,
    /// What kind of file it is.
    pub format: FileFormat,
    /// The encoding of a CSV file, as said or found out.
    #[schema(max_length = 20, example = "gb18030")]
    pub charset: Option<String>,
    /// Its size.
    #[schema(minimum = 1, maximum = 9007199254740991_i64)]
    pub byte_count: i64,
    /// What it was sent with, and the layout it was recognised as.
    #[diesel(embed)]
    pub options: ImportOptions,
    /// How far it is.
    pub state: ImportState,
    /// Rows of the list.
    #[schema(minimum = 0, maximum = 100_000)]
    pub row_count: i64,
    /// Rows that are none of the list: titles, headings, sums, notes.
    #[schema(minimum = 0, maximum = 100_000)]
    pub skipped_count: i64,
    /// Rows that have been tried or, from `applying` on, applied.
    #[schema(minimum = 0, maximum = 100_000)]
    pub done_count: i64,
    /// Rows taken.
    #[schema(minimum = 0, maximum = 100_000)]
    pub accepted: i64,
    /// Rows that were already there.
    #[schema(minimum = 0, maximum = 100_000)]
    pub unchanged: i64,
    /// Rows not taken.
    #[schema(minimum = 0, maximum = 100_000)]
    pub rejected: i64,
    /// Rows that somebody should look at although they are taken.
    #[schema(minimum = 0, maximum = 100_000)]
    pub warned: i64,
    /// What was found, and how often.
    #[schema(value_type = Vec<FindingCount>, max_items = 1000)]
    pub findings: store::Counts,
    /// Why it could not go on: the code of a problem.
    #[schema(max_length = 100, example = "agreement_not_in_force")]
    pub refusal: Option<String>,
    /// Version of this row, also in its ETag.
    #[schema(minimum = 1, maximum = 9007199254740991_i64)]
    pub version: i64,
    /// Received at.
    pub created_at: Instant,
    /// Last changed at.
    pub updated_at: Instant,
}

/// A row of a file, and what became of it. Its cells are sealed; the file gives them back.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "number": 4, "sheet": "塘渡口镇", "row": 4, "kind": "data", "verdict": "rejected", "subject_id": null,
    "findings": [{ "code": "R15", "severity": "error", "cell": null, "field": null,
        "message_en": "an earlier row of the file is about the same person; keep one of them", "message_zh": "文件中前面已有同一人员，请只保留一行" }]
}))]
pub struct ImportRow {
    /// Its number in the file, from 1, over all sheets.
    #[schema(minimum = 1, maximum = 100_000)]
    pub number: i64,
    /// The sheet; empty for a CSV file.
    #[schema(max_length = 255)]
    pub sheet: String,
    /// Its number in the sheet, as the spreadsheet shows it.
    #[schema(minimum = 1, maximum = 1_048_576)]
    pub row: i64,
    /// What it is.
    pub kind: ImportRowKind,
    /// What became of it.
    pub verdict: ImportVerdict,
    /// What was found.
    #[schema(max_items = 100)]
    pub findings: Vec<Finding>,
    /// What it became, or already was: a worker, placement, quota, claim or observation.
    pub subject_id: Option<Id>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::assert_sound;

    #[test]
    fn the_life_of_an_import_is_sound() {
        assert_sound(TRANSITIONS, ImportState::Received, ImportState::ALL);
    }
}
