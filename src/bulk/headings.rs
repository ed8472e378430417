//! Headings of columns: the field's own name, or what it is called in Chinese.

use std::collections::BTreeSet;

/// Every field of a row that may be sent as CSV, and its Chinese heading.
const HEADINGS: &[(&str, &str)] = &[
    ("cohort_id", "批次入职期编号"),
    ("consent_recorded", "已告知并同意"),
    ("employer_id", "用人单位编号"),
    ("ended_in", "离岗月份"),
    ("ended_on", "离岗日期"),
    ("evidence", "证据等级"),
    ("grain", "日期精度"),
    ("groups", "人员类别"),
    ("happened_on", "发生日期"),
    ("hukou_code", "户籍地代码"),
    ("identity_number", "身份证号码"),
    ("in_post", "是否在岗"),
    ("monthly_wage_fen", "月工资（分）"),
    ("name", "姓名"),
    ("note", "备注"),
    ("outcome", "到岗结果"),
    ("partner_ref", "对方编号"),
    ("client_ref", "行编号"),
    ("phone", "联系电话"),
    ("placement_id", "安置编号"),
    ("placement_ref", "安置对方编号"),
    ("quota_id", "名额编号"),
    ("quota_ref", "名额对方编号"),
    ("reason", "离岗原因"),
    ("region_code", "务工地代码"),
    ("seen_from", "在岗起始日期"),
    ("seen_to", "在岗截止日期"),
    ("side", "离岗责任方"),
    ("source", "信息来源"),
    ("started_on", "开始日期"),
    ("starts_on", "入职日期"),
    ("worker_id", "人员编号"),
    ("worker_ref", "人员对方编号"),
];

/// The columns of a file: for each the field it fills, none where nobody knows the heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The field of each column.
    pub fields: Vec<Option<String>>,
    /// Headings that mean no field of these rows; their cells are not read.
    pub unknown: Vec<String>,
}

impl Columns {
    /// Reads the headings of a file whose rows have these fields. A second column for the same field is not read.
    #[must_use]
    pub fn read(headings: &[String], known: &BTreeSet<String>) -> Self {
        let mut taken = BTreeSet::new();
        let mut unknown = Vec::new();
        let fields = headings.iter().map(|heading| {
            let field = field_of(heading.trim()).filter(|field| known.contains(field) && taken.insert(field.clone()));
            if field.is_none() && !heading.trim().is_empty() {
                unknown.push(heading.trim().chars().take(100).collect());
            }
            field
        });
        Self { fields: fields.collect(), unknown }
    }
}

fn field_of(heading: &str) -> Option<String> {
    let named = HEADINGS.iter().find(|(_, chinese)| *chinese == heading);
    named.map(|(field, _)| (*field).to_owned()).or_else(|| Some(heading.to_ascii_lowercase()))
}

/// The Chinese heading of a field, for messages.
#[must_use]
pub fn chinese(field: &str) -> Option<&'static str> {
    HEADINGS.iter().find(|(known, _)| *known == field).map(|(_, chinese)| *chinese)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_language_in_any_order_is_understood() {
        let known: BTreeSet<String> = ["name", "phone", "partner_ref"].map(str::to_owned).into();
        let headings = ["联系电话", " Name ", "年龄", "对方编号", "姓名", ""].map(str::to_owned);
        let columns = Columns::read(&headings, &known);
        let fields: Vec<Option<&str>> = columns.fields.iter().map(Option::as_deref).collect();
        assert_eq!(fields, [Some("phone"), Some("name"), None, Some("partner_ref"), None, None]);
        assert_eq!(
            columns.unknown,
            ["年龄", "姓名"],
            "a heading nobody knows, and one for a field that has its column"
        );
    }

    #[test]
    fn no_two_fields_share_a_heading() {
        let headings: BTreeSet<&str> = HEADINGS.iter().map(|(_, chinese)| *chinese).collect();
        assert_eq!(headings.len(), HEADINGS.len());
    }
}
