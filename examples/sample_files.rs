//! Writes a sample file of every layout that the exchange takes: `cargo run --example sample_files -- FOLDER`.
//!
//! The people are invented: their identity numbers carry order numbers that no living person has, their phones a prefix that no operator
//! was given. The files look as such files do, with titles above the headings and a sum and a note below the rows.

use std::path::Path;
use std::process::ExitCode;

use labour_exchange::demo::people::{Person, Village};
use labour_exchange::http::table::{csv_line, spreadsheet_safe};
use labour_exchange::interchange::layouts::Layout;
use labour_exchange::interchange::layouts::catalogue::LAYOUTS;
use labour_exchange::interchange::layouts::fields::Field;
use labour_exchange::workers::identity_number::Sex;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};

/// Rows of each file.
const ROWS: usize = 8;
/// Layouts that are written as workbooks too.
const WORKBOOKS: [&str; 2] = ["national_outside_workers", "point_to_point"];

fn main() -> ExitCode {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: sample_files FOLDER");
        return ExitCode::FAILURE;
    };
    match write_all(Path::new(&folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("{cause}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    std::fs::create_dir_all(folder)?;
    for layout in LAYOUTS {
        let rows = table(layout);
        let text: String =
            rows.iter().map(|row| csv_line(row.iter().map(|cell| spreadsheet_safe(cell).into_owned()))).collect();
        std::fs::write(folder.join(format!("{}.csv", layout.code)), format!("\u{feff}{text}"))?;
        if WORKBOOKS.contains(&layout.code) {
            std::fs::write(folder.join(format!("{}.xlsx", layout.code)), workbook(&rows)?)?;
        }
    }
    Ok(())
}

/// The columns of a file: all of the layout's, but for those that only programs write.
fn columns(layout: &'static Layout) -> Vec<Field> {
    layout.fields().filter(|field| ![Field::Remark, Field::CaseBegin].contains(field)).collect()
}

fn table(layout: &'static Layout) -> Vec<Vec<String>> {
    let columns = columns(layout);
    let is_real = layout.code == "h2a_orders";
    let heading = |field: &Field| {
        let headings = field.headings();
        if is_real { headings.last() } else { headings.first() }.copied().unwrap_or_default().to_owned()
    };
    let mut village = Village::new(2026);
    let mut rows = Vec::new();
    if !is_real {
        rows.push(vec![layout.name_zh.to_owned()]);
        rows.push(vec!["填报单位：邵阳县人力资源和社会保障局".to_owned()]);
    }
    rows.push(columns.iter().map(heading).collect());
    for (number, person) in village.workers(ROWS).iter().enumerate() {
        rows.push(columns.iter().map(|field| cell(*field, number + 1, person, is_real)).collect());
    }
    if !is_real {
        rows.push(vec!["合计".to_owned(), format!("{ROWS}人")]);
        rows.push(vec!["注：本表人员与单位均为虚构，仅供演示".to_owned()]);
    }
    rows
}

fn cell(field: Field, number: usize, person: &Person, is_real: bool) -> String {
    let year = 2026 - i64::from(person.born_on.year());
    match field {
        Field::SerialNumber => number.to_string(),
        Field::Name => person.name.clone(),
        Field::IdentityNumber => person.identity_number.clone(),
        Field::Sex => if person.sex == Sex::Female { "女" } else { "男" }.to_owned(),
        Field::Age => year.to_string(),
        Field::Phone => person.phone.clone(),
        Field::PersonNumber => person.reference.clone(),
        Field::HouseholdNumber => format!("H{number:05}"),
        Field::Reference if is_real => format!("A-06000-{number:05}"),
        Field::Reference => format!("YW-{number:04}"),
        Field::ValidUntil if is_real => "12/31/06 00:00:00".to_owned(),
        Field::ValidUntil => "2026-12-31".to_owned(),
        Field::PostTitle if is_real => "FARMWORKER".to_owned(),
        Field::EmployerName if is_real => "EXAMPLE FARM".to_owned(),
        Field::Headcount | Field::ApprovedPlaces => (number * 10).to_string(),
        Field::PaidAmount => format!("{}.50", 5_000 + number),
        other => fixed(other).to_owned(),
    }
}

/// What is the same in every row.
fn fixed(field: Field) -> &'static str {
    match field {
        Field::County | Field::HukouCounty => "湖南省邵阳市邵阳县",
        Field::HukouProvince => "湖南省",
        Field::HukouAddress => "湖南省邵阳市邵阳县塘渡口镇",
        Field::Township => "塘渡口镇",
        Field::Village => "大木山村",
        Field::IdentityType => "身份证",
        Field::Ethnicity => "汉族",
        Field::Education => "初中",
        Field::HouseholdType => "脱贫户",
        Field::LabourAbility => "普通劳动力",
        Field::IsPoor | Field::IsWorking | Field::PlansToWork | Field::PointToPoint => "是",
        Field::WorkProvince => "浙江省",
        Field::WorkCity => "金华市",
        Field::WorkCounty | Field::PlannedCounty => "义乌市",
        Field::WorkPlace => "浙江省金华市义乌市",
        Field::WorkArea => "省外",
        Field::EmployerName => "义乌小商品制造有限公司",
        Field::Sector => "第二产业",
        Field::Industry => "制造业",
        Field::Channel => "外出务工",
        Field::MonthlyIncome => "5200",
        Field::WageOffer => "5000-6000",
        Field::StartDate => "2026年02月",
        Field::WorkPeriod => "2026.2-2026.8",
        Field::PostTitle => "普工",
        Field::SexWanted => "不限",
        Field::FareSubsidy | Field::SubsidyAmount => "400",
        Field::ContractState => "新签",
        Field::ContractStart => "2026-03-06",
        Field::ContractEnd => "2027-03-05",
        Field::PayMonth => "2026年3月",
        Field::PaidOn => "2026-04-10",
        Field::CaseStatus => "Certified - Full",
        _ => "",
    }
}

fn workbook(rows: &[Vec<String>]) -> Result<Vec<u8>, XlsxError> {
    let mut workbook = Workbook::new();
    // The same file each time it is written.
    let made = ExcelDateTime::from_ymd(2026, 1, 1)?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let as_text = Format::new().set_num_format("@");
    let sheet = workbook.add_worksheet().set_name("塘渡口镇")?;
    for (number, row) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(row) {
            sheet.write_string_with_format(number, column, cell, &as_text)?;
        }
    }
    workbook.save_to_buffer()
}
