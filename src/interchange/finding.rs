//! What is said about a row: a code, the cell, and the words in both languages. Findings never repeat the value of a cell.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cells::Unread;
use super::layouts::fields::Field;
use crate::error::{Error, Fault, Place};

crate::text_enum! {
    /// How much a finding weighs.
    pub enum FindingSeverity {
        /// The row is not taken.
        Error => "error" / "错误",
        /// The row is taken; somebody should look at it.
        Warning => "warning" / "提醒",
        /// The row is taken; this is how it was understood.
        Notice => "notice" / "说明",
    }
}

/// Something found about a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "code": "identity_number_damaged", "severity": "error", "cell": "C12", "field": "identity_number",
    "message_en": "a spreadsheet has rounded this number; type it again as text", "message_zh": "号码已被表格软件舍入，请以文本格式重新填写"
}))]
pub struct Finding {
    /// Stable code; a rule's number (`R03`) where a rule found it.
    #[schema(max_length = 100)]
    pub code: String,
    /// How much it weighs.
    pub severity: FindingSeverity,
    /// The cell, as the spreadsheet names it; null when it is about the whole row.
    #[schema(max_length = 12)]
    pub cell: Option<String>,
    /// What the cell's column holds.
    #[schema(max_length = 50)]
    pub field: Option<String>,
    /// What is wrong and what to do.
    #[schema(max_length = 1000)]
    pub message_en: String,
    /// The same in Chinese.
    #[schema(max_length = 1000)]
    pub message_zh: String,
}

impl Finding {
    /// About a cell, by its column (from 0) and row.
    #[must_use]
    pub fn at(severity: FindingSeverity, field: Field, (column, row): (usize, usize), what: Unread) -> Self {
        Self {
            cell: Some(format!("{}{row}", letters(column))),
            field: Some(field.name().to_owned()),
            ..Self::of_row(severity, what.code, what.en, what.zh)
        }
    }

    /// About a whole row.
    #[must_use]
    pub fn of_row(
        severity: FindingSeverity,
        code: impl Into<String>,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> Self {
        Self { code: code.into(), severity, cell: None, field: None, message_en: en.into(), message_zh: zh.into() }
    }

    /// What a command said of the row. The place in its body is a field's name.
    #[must_use]
    pub fn of_fault(fault: &Fault) -> Self {
        let field = match &fault.place {
            Place::Body { pointer } => pointer.rsplit('/').next().and_then(known_field),
            Place::Parameter { .. } => None,
        };
        Self {
            field: field.map(|field| field.name().to_owned()),
            ..Self::of_row(FindingSeverity::Error, fault.code, &fault.detail.en, &fault.detail.zh)
        }
    }

    /// What a command said of the row, where it spoke of the row as a whole.
    #[must_use]
    pub fn of_error(error: &Error) -> Vec<Self> {
        if !error.faults.is_empty() {
            return error.faults.iter().map(Self::of_fault).collect();
        }
        let definition = error.code.definition();
        let (en, zh) = error.detail.as_ref().map_or_else(
            || (definition.title_en.to_owned(), definition.title_zh.to_owned()),
            |detail| (detail.en.clone(), detail.zh.clone()),
        );
        vec![Self::of_row(
            FindingSeverity::Error,
            definition.name,
            format!("{en}. {}", definition.remedy_en),
            format!("{zh}。{}", definition.remedy_zh),
        )]
    }

    /// Whether the row is not taken because of it.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.severity == FindingSeverity::Error
    }
}

fn known_field(name: &str) -> Option<Field> {
    let name = match name {
        "hukou_code" => "hukou_address",
        "region_code" => "work_place",
        "happened_on" => "contract_start",
        "monthly_wage_fen" => "paid_amount",
        name => name,
    };
    Field::ALL.iter().copied().find(|field| field.name() == name)
}

/// The letters of a column, from 0: A, …, Z, AA.
#[must_use]
pub fn letters(column: usize) -> String {
    let last = char::from(b'A' + u8::try_from(column % 26).unwrap_or_default());
    let before = column / 26;
    if before == 0 { last.to_string() } else { format!("{}{last}", letters(before - 1)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_the_letters_of_a_spreadsheet() {
        for (column, name) in [(0, "A"), (25, "Z"), (26, "AA"), (51, "AZ"), (52, "BA"), (99, "CV")] {
            assert_eq!(letters(column), name);
        }
    }
}
