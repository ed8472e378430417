//! From the sheets of a file to the rows of an import: which layout it has, which rows are of the list, what each says and what is wrong
//! with it on its face. Pure; what the books say comes later, in [`super::applying`].

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::finding::{Finding, FindingSeverity};
use super::layouts::fields::Field;
use super::layouts::heading::{self, BodyRow, Header, Recognised};
use super::layouts::{ImportTarget, Layout};
use super::reading::{Cell, RawRow, Refusal, Workbook};
use super::record::{Record, Value};
use super::rules::{self, Context};
use super::{ImportOptions, ImportRowKind};
use crate::db::Day;
use crate::error::{Code, Error, Fault, Result};
use crate::regions::RegionCode;
use crate::workers::identity_number::IdentityNumberError;

/// A row of a file that was taken in.
#[derive(Debug)]
pub struct TakenRow {
    /// The place of its sheet.
    pub sheet: usize,
    /// Its number in the sheet.
    pub number: usize,
    /// What it is.
    pub kind: ImportRowKind,
    /// Its cells.
    pub cells: Vec<Cell>,
    /// What they say, in a row of the list.
    pub record: Record,
    /// What was found.
    pub findings: Vec<Finding>,
    /// A mark of what the row says, the same whenever it says the same; the serial number says nothing.
    pub mark: String,
}

/// A file that was taken in.
#[derive(Debug)]
pub struct TakenFile {
    /// Its layout.
    pub layout: &'static Layout,
    /// Names of its sheets.
    pub sheets: Vec<String>,
    /// Its rows.
    pub rows: Vec<TakenRow>,
}

/// A refusal as a problem.
#[must_use]
pub fn problem_of(refusal: Refusal) -> Error {
    let code = if refusal.is_too_large { Code::FileTooLarge } else { Code::FileUnreadable };
    let mut fault = Fault::body("", refusal.code, refusal.detail.en, refusal.detail.zh);
    if let Some((sheet, row)) = refusal.place {
        fault = fault.param("sheet", sheet).param("row", row);
    }
    Error::new(code).fault(fault)
}

/// Takes a file in. `named` is the layout the sender names.
///
/// # Errors
/// [`Code::LayoutUnknown`] with `nearest` and `missing`, [`Code::ParameterInvalid`] for a layout that there is not.
pub fn take(workbook: Workbook, named: Option<&str>, today: Day, own_county: Option<RegionCode>) -> Result<TakenFile> {
    let headers: Vec<Option<Header>> = workbook.sheets.iter().map(heading::find).collect();
    let layout = layout_of(&headers, named)?;
    let fits = |header: &Header| layout.required.iter().all(|field| header.has(*field));
    let mut rows = Vec::new();
    let mut sheets = Vec::with_capacity(workbook.sheets.len());
    for (place, (sheet, header)) in workbook.sheets.into_iter().zip(headers).enumerate() {
        sheets.push(sheet.name);
        let header = header.filter(&fits);
        rows.extend(sheet.rows.into_iter().map(|row| taken(layout, header.as_ref(), place, row, today)));
    }
    match layout.target {
        ImportTarget::Quotas => check_posts(&mut rows),
        target => check_people(&mut rows, target, today, own_county),
    }
    Ok(TakenFile { layout, sheets, rows })
}

fn layout_of(headers: &[Option<Header>], named: Option<&str>) -> Result<&'static Layout> {
    if let Some(code) = named {
        let layout = Layout::find(code).ok_or_else(|| {
            let (en, zh) = ("must be a layout of GET /v1/import-layouts", "须为 GET /v1/import-layouts 中的版式");
            Error::new(Code::ParameterInvalid).fault(Fault::query("layout", "layout_unknown", en, zh))
        })?;
        let lacking = |header: &Header| layout.required.iter().copied().filter(|field| !header.has(*field)).collect();
        let fewest = headers.iter().flatten().map(lacking).min_by_key(Vec::len);
        return match fewest {
            Some(missing) if missing.is_empty() => Ok(layout),
            Some(missing) => Err(lacking_columns(layout, &missing)),
            None => Err(no_header()),
        };
    }
    let mut nearest = None;
    for header in headers.iter().flatten() {
        match heading::recognise(header) {
            Some(Recognised::As(layout)) => return Ok(layout),
            Some(Recognised::Lacking(layout, missing)) => nearest = nearest.or(Some((layout, missing))),
            None => {}
        }
    }
    Err(nearest.map_or_else(no_header, |(layout, missing)| lacking_columns(layout, &missing)))
}

fn no_header() -> Error {
    Error::new(Code::LayoutUnknown).detail(
        "no row among the first 30 of a sheet holds headings that are known",
        "各工作表前 30 行中未找到可识别的表头",
    )
}

fn lacking_columns(layout: &Layout, missing: &[Field]) -> Error {
    let headings: Vec<&str> = missing.iter().filter_map(|field| field.headings().first().copied()).collect();
    let named = headings.join("、");
    Error::new(Code::LayoutUnknown)
        .detail(
            format!("it comes nearest to {} ({}), but has no column for: {named}", layout.name_en, layout.name_zh),
            format!("最接近《{}》，但缺少列：{named}", layout.name_zh),
        )
        .param("nearest", layout.code)
        .param("missing", headings)
}

fn taken(layout: &Layout, header: Option<&Header>, sheet: usize, row: RawRow, today: Day) -> TakenRow {
    let kind = match header {
        None => ImportRowKind::Title,
        Some(header) if row.number < header.row => ImportRowKind::Title,
        Some(header) if row.number == header.row => ImportRowKind::Header,
        Some(header) => match heading::body_row(header, &row) {
            BodyRow::Data => ImportRowKind::Data,
            BodyRow::Total => ImportRowKind::Total,
            BodyRow::Note => ImportRowKind::Note,
            BodyRow::Header => ImportRowKind::Header,
        },
    };
    let (record, findings) = match (kind, header) {
        (ImportRowKind::Data, Some(header)) => Record::read(layout, header, &row, today),
        (ImportRowKind::Header, Some(header)) if row.number == header.row => {
            (Record::default(), unknown_columns(header))
        }
        _ => Default::default(),
    };
    let mark = mark_of(&row, header.and_then(|header| header.column(Field::SerialNumber)));
    TakenRow { sheet, number: row.number, kind, cells: row.cells, record, findings, mark }
}

/// Columns that nobody knows are told once, at the header.
fn unknown_columns(header: &Header) -> Vec<Finding> {
    let columns: Vec<String> = header.unknown.iter().map(|column| super::finding::letters(*column)).collect();
    if columns.is_empty() {
        return Vec::new();
    }
    let columns = columns.join("、");
    vec![Finding::of_row(
        FindingSeverity::Warning,
        "column_unknown",
        format!("columns {columns} are not known here and are not read"),
        format!("{columns} 列的表头无法识别，未读取"),
    )]
}

fn error(code: &str, en: &str, zh: &str) -> Finding {
    Finding::of_row(FindingSeverity::Error, code, en, zh)
}

fn warning(code: &str, en: &str, zh: &str) -> Finding {
    Finding::of_row(FindingSeverity::Warning, code, en, zh)
}

fn data(rows: &mut [TakenRow]) -> impl Iterator<Item = &mut TakenRow> {
    rows.iter_mut().filter(|row| row.kind == ImportRowKind::Data)
}

/// Checks what can be said about people from the file alone.
fn check_people(rows: &mut [TakenRow], target: ImportTarget, today: Day, own_county: Option<RegionCode>) {
    let damaged =
        rows.iter().flat_map(|row| &row.findings).any(|finding| finding.code == IdentityNumberError::Damaged.code());
    let mut earlier: HashMap<String, Record> = HashMap::new();
    for row in data(rows) {
        let number = row.record.text(Field::IdentityNumber).map(ToOwned::to_owned);
        let told = |field: Field| row.findings.iter().any(|finding| finding.field.as_deref() == Some(field.name()));
        let mut found = Vec::new();
        if row.record.text(Field::Name).is_none() && !told(Field::Name) {
            found.push(error("name_missing", "the name is missing", "缺少姓名"));
        }
        if number.is_none() && !told(Field::IdentityNumber) {
            found.push(error(
                "identity_number_missing",
                "the identity number is missing; a name alone never tells who somebody is",
                "缺少身份证号码；仅凭姓名不能确认人员身份",
            ));
        }
        if damaged && number.as_ref().is_some_and(|number| number.ends_with("000")) {
            found.push(error(
                "identity_number_may_be_rounded",
                "ends in 000 in a file whose other numbers a spreadsheet has rounded; compare it with the identity card and send it on its own",
                "同一文件中其他号码已被表格软件舍入，此号码以 000 结尾，请核对身份证后单独提交",
            ));
        }
        let before = number.as_ref().and_then(|number| earlier.get(&key_of(number, &row.record, target)));
        found.extend(rules::judge(&row.record, &Context { today, own_county, earlier: before }));
        if let Some(number) = number {
            earlier.entry(key_of(&number, &row.record, target)).or_insert_with(|| row.record.clone());
        }
        row.findings.extend(found);
    }
}

/// What makes two rows rows about the same: the person; in a wage ledger, the person's month.
fn key_of(number: &str, record: &Record, target: ImportTarget) -> String {
    let month = record.date(Field::PayMonth).filter(|_| target == ImportTarget::Wages);
    month.map_or_else(|| number.to_owned(), |month| format!("{number} {}", month.first))
}

/// Checks what can be said about posts from the file alone, and gives each a reference that is the same when the file comes again.
fn check_posts(rows: &mut [TakenRow]) {
    let mut references: HashMap<String, usize> = HashMap::new();
    for row in data(rows) {
        if let Some(reference) = row.record.text(Field::Reference) {
            *references.entry(reference.to_owned()).or_default() += 1;
        }
    }
    let mut seen = HashSet::new();
    for row in data(rows) {
        let record = &row.record;
        let told = |field: Field| row.findings.iter().any(|finding| finding.field.as_deref() == Some(field.name()));
        let (requested, approved) = (record.count(Field::Headcount), record.count(Field::ApprovedPlaces));
        let mut found = Vec::new();
        if requested.is_none_or(|requested| requested == 0) && !told(Field::Headcount) {
            found.push(error("places_missing", "the number of places asked for is missing", "缺少招聘人数"));
        }
        if record.text(Field::PostTitle).is_none() && !told(Field::PostTitle) {
            found.push(error("post_missing", "the post is missing", "缺少岗位名称"));
        }
        if matches!((requested, approved), (Some(requested), Some(approved)) if approved > requested) {
            found.push(error(
                "approved_above_requested",
                "more places are approved than asked for",
                "核定人数多于招聘人数",
            ));
        }
        let certified = record.text(Field::CaseStatus).is_some_and(|status| status.starts_with("Certified"));
        if certified && approved.is_none() && !told(Field::ApprovedPlaces) {
            found.push(warning(
                "approved_missing",
                "is certified, but the number is missing; it stays a draft",
                "已核定但缺少核定人数，保留为待发布",
            ));
        }
        if record
            .text(Field::SexWanted)
            .or(record.text(Field::Ethnicity))
            .is_some_and(|wanted| !is_no_condition(wanted))
        {
            found.push(warning(
                "condition_not_published",
                "sex or ethnicity must not be a condition of a post (Employment Promotion Law); it is not published",
                "性别、民族不得作为招聘条件（就业促进法），该要求不予发布",
            ));
        }
        let content = &row.mark;
        if !seen.insert(content.clone()) {
            found.push(error(
                "row_repeated",
                "an earlier row of the file says exactly the same",
                "文件中前面已有完全相同的一行",
            ));
        }
        let reference = match record.text(Field::Reference) {
            Some(reference) if references.get(reference).is_some_and(|count| *count > 1) => {
                found.push(warning(
                    "reference_repeated",
                    "several rows have this reference; the row is kept under the reference and a mark of its content",
                    "多行使用同一编号，本行以该编号加内容标识保存",
                ));
                format!("{reference}#{content}")
            }
            Some(reference) => reference.to_owned(),
            None => format!("demand#{content}"),
        };
        row.record.set(Field::Reference, Value::Text(reference));
        row.findings.extend(found);
    }
}

fn is_no_condition(text: &str) -> bool {
    ["不限", "无", "男女不限", "-", "不限男女"].contains(&text)
}

fn mark_of(row: &RawRow, serial: Option<usize>) -> String {
    let mut digest = Sha256::new();
    for (_, cell) in row.cells.iter().enumerate().filter(|(column, _)| Some(*column) != serial) {
        digest.update(super::cells::squeezed(cell));
        digest.update([0]);
    }
    hex::encode(digest.finalize()).chars().take(16).collect()
}

/// Fine when the options name what the layout's rows belong to.
///
/// # Errors
/// [`Code::ParameterInvalid`] with every parameter that is missing.
pub fn check_options(layout: &Layout, options: &ImportOptions) -> Result<()> {
    let mut faults = Vec::new();
    let mut need = |name: &str, given: bool| {
        if !given {
            let (en, zh) = (format!("{name} is needed for this layout"), format!("该版式须注明 {name}"));
            faults.push(Fault::query(name, "parameter_missing", en, zh));
        }
    };
    let with_roster = layout.target == ImportTarget::Roster || options.dispatch_id.is_some();
    need("agreement_id", options.agreement_id.is_some() || !(layout.target.needs_agreement() || with_roster));
    need("dispatch_id", options.dispatch_id.is_some() || layout.target != ImportTarget::Roster);
    let month = options.pay_month.as_ref().map(|month| super::cells::dated(&Cell::Text(month.clone())));
    if month.is_some_and(|month| !matches!(month, Ok(Some(_)))) {
        faults.push(Fault::query(
            "pay_month",
            "parameter_invalid",
            "must be a month such as 2026-03",
            "须为月份，例如 2026-03",
        ));
    }
    if faults.is_empty() { Ok(()) } else { Err(Error::new(Code::ParameterInvalid).faults(faults)) }
}
