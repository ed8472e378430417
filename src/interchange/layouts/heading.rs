//! Finding the header: the row whose cells are headings, wherever it stands, and the layout whose columns it has.

use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::Layout;
use super::catalogue::LAYOUTS;
use super::fields::Field;
use crate::interchange::reading::{Cell, RawRow, Sheet, is_space};

/// Rows of a sheet among which its header is looked for.
const HEADER_WITHIN: usize = 30;
/// Headings that a row must have to be a header at all.
const HEADINGS_MIN: usize = 2;

static KNOWN: LazyLock<HashMap<String, Field>> = LazyLock::new(|| {
    let mut known = HashMap::new();
    for field in Field::ALL {
        for heading in field.headings().iter().copied().chain([field.name()]) {
            known.entry(normal(heading)).or_insert(*field);
        }
    }
    known
});

/// One spelling of a heading: full-width forms folded, spaces and marks of what must be filled in removed.
#[must_use]
pub fn normal(heading: &str) -> String {
    let folded: String = heading.nfkc().filter(|character| !is_space(*character)).collect();
    let starless = folded.trim_matches(['*', ':', '\'']);
    starless.replace("(必填)", "").replace("(选填)", "").to_lowercase()
}

/// The field a heading stands for: as it is, or without what is said in brackets behind it.
#[must_use]
pub fn field_of(heading: &str) -> Option<Field> {
    let heading = normal(heading);
    let bare = heading.split('(').next().unwrap_or_default();
    KNOWN.get(&heading).or_else(|| KNOWN.get(bare)).copied()
}

/// The header of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its number in the sheet.
    pub row: usize,
    /// The field of each column, where its heading is known.
    pub columns: Vec<Option<Field>>,
    /// Columns with a heading that nobody knows.
    pub unknown: Vec<usize>,
}

impl Header {
    /// The row as a header; a field that comes twice counts where it stands first.
    #[must_use]
    pub fn of(row: &RawRow) -> Self {
        let mut columns: Vec<Option<Field>> = Vec::with_capacity(row.cells.len());
        let mut unknown = Vec::new();
        for (place, cell) in row.cells.iter().enumerate() {
            let field = field_of(&cell.shown());
            if field.is_none() && !cell.is_blank() {
                unknown.push(place);
            }
            let repeated = field.is_some_and(|field| field != Field::Remark && columns.contains(&Some(field)));
            columns.push(if repeated { Some(Field::Remark) } else { field });
        }
        Self { row: row.number, columns, unknown }
    }

    /// How many headings it knows.
    fn known(&self) -> usize {
        self.columns.iter().flatten().count()
    }

    /// Whether it has a column.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.columns.contains(&Some(field))
    }

    /// Whether another row repeats it.
    #[must_use]
    pub fn is_repeated_by(&self, row: &RawRow) -> bool {
        let again = Self::of(row);
        again.known() >= HEADINGS_MIN && again.columns.iter().flatten().eq(self.columns.iter().flatten())
    }

    /// The first column of a field.
    #[must_use]
    pub fn column(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|column| *column == Some(field))
    }
}

/// The header of a sheet: among its first rows the one with most known headings.
#[must_use]
pub fn find(sheet: &Sheet) -> Option<Header> {
    let candidates = sheet.rows.iter().take(HEADER_WITHIN).filter(|row| row.cells.iter().any(is_word)).map(Header::of);
    // Of equals the first wins.
    let best = candidates.rev().max_by_key(Header::known)?;
    (best.known() >= HEADINGS_MIN).then_some(best)
}

fn is_word(cell: &Cell) -> bool {
    matches!(cell, Cell::Text(_))
}

/// Which layout a header belongs to, or which one it comes near to and what is missing for it.
#[derive(Debug)]
pub enum Recognised {
    /// This one.
    As(&'static Layout),
    /// None; this one is nearest.
    Lacking(&'static Layout, Vec<Field>),
}

/// The layout of a header: of those whose needed columns are all there, the one that knows most of the columns.
#[must_use]
pub fn recognise(header: &Header) -> Option<Recognised> {
    let lacking = |layout: &Layout| -> Vec<Field> {
        layout.required.iter().copied().filter(|field| !header.has(*field)).collect()
    };
    let own = |layout: &Layout| {
        header.columns.iter().flatten().filter(|field| layout.fields().any(|own| own == **field)).count()
    };
    let whole = LAYOUTS.iter().rev().filter(|layout| lacking(layout).is_empty());
    if let Some(layout) = whole.max_by_key(|layout| (own(layout), layout.required.len())) {
        return Some(Recognised::As(layout));
    }
    let nearest = LAYOUTS.iter().rev().max_by_key(|layout| (own(layout), usize::MAX - lacking(layout).len()))?;
    Some(Recognised::Lacking(nearest, lacking(nearest)))
}

/// What a row below a header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyRow {
    /// A row of the list.
    Data,
    /// A sum below the list.
    Total,
    /// Words below the list.
    Note,
    /// The header once more.
    Header,
}

/// Tells rows of the list from sums and notes below it.
#[must_use]
pub fn body_row(header: &Header, row: &RawRow) -> BodyRow {
    const TOTALS: [&str; 6] = ["合计", "总计", "小计", "共计", "累计", "total"];
    const NOTES: [&str; 12] =
        ["注:", "注1", "备注:", "说明:", "填表", "制表", "审核", "负责人", "单位(盖章)", "填报", "经办", "联系人:"];
    let mut filled = row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_blank());
    let Some((place, first)) = filled.next() else { return BodyRow::Note };
    let others = filled.count();
    let words = normal(&first.shown());
    let starts = |beginnings: &[&str]| beginnings.iter().any(|beginning| words.starts_with(beginning));
    if starts(&TOTALS) {
        return BodyRow::Total;
    }
    if header.is_repeated_by(row) {
        return BodyRow::Header;
    }
    let column = header.columns.get(place).copied().flatten();
    let is_words = words.chars().count() > 10 && column != Some(Field::IdentityNumber);
    let alone = others == 0 && header.known() > 2 && (is_words || column == Some(Field::SerialNumber));
    // `normal` takes the colon off the end, so a note of one word is looked for without it.
    if alone || starts(&NOTES) || ["注", "说明"].contains(&words.as_str()) {
        return BodyRow::Note;
    }
    BodyRow::Data
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: usize, cells: &[&str]) -> RawRow {
        let cell = |text: &&str| if text.is_empty() { Cell::Empty(()) } else { Cell::Text((*text).to_owned()) };
        RawRow { number, cells: cells.iter().map(cell).collect() }
    }

    fn sheet(rows: &[&[&str]]) -> Sheet {
        let rows = rows.iter().enumerate().map(|(at, cells)| row(at + 1, cells)).collect();
        Sheet { name: "名单".to_owned(), rows }
    }

    fn layout(headings: &[&str]) -> &'static str {
        match recognise(&find(&sheet(&[headings])).unwrap()).unwrap() {
            Recognised::As(layout) => layout.code,
            Recognised::Lacking(layout, missing) => panic!("{}: {missing:?}", layout.code),
        }
    }

    #[test]
    fn the_header_is_found_below_titles_and_whatever_the_headings_look_like() {
        let found = find(&sheet(&[
            &["邵阳县2026年务工人员花名册"],
            &["填报单位：塘渡口镇", "", "", "2026年3月"],
            &[" 序 号", "*姓　名", "身份证号（必填）", "联系电话\n", "不知道"],
            &["1", "张三", "430523199003079985", "14200001234", ""],
        ]))
        .unwrap();
        assert_eq!(found.row, 3);
        let known = [Field::SerialNumber, Field::Name, Field::IdentityNumber, Field::Phone];
        assert_eq!(found.columns, known.into_iter().map(Some).chain([None]).collect::<Vec<_>>());
        assert_eq!(found.unknown, [4]);
        assert_eq!(find(&sheet(&[&["张三", "430523199003079985"]])), None);
    }

    #[test]
    fn every_layout_is_recognised_by_its_own_columns_in_any_order() {
        for known in LAYOUTS {
            let mut headings: Vec<&str> =
                known.fields().filter_map(|field| field.headings().first().copied()).collect();
            assert_eq!(layout(&headings), known.code);
            headings.reverse();
            assert_eq!(layout(&headings), known.code);
            let names: Vec<&str> = known.fields().map(Field::name).collect();
            assert_eq!(layout(&names), known.code, "by the names for programs");
        }
    }

    #[test]
    fn the_headings_that_counties_use_lead_to_their_layout() {
        for (headings, code) in [
            (
                "姓名 身份证号码 户籍地址 常住地址 联系电话 转移就业地点 转移就业产业类别 转移就业从事行业 月收入",
                "rural_transfer",
            ),
            (
                "序号 姓名 性别 身份证号 年龄 家庭住址 是否贫困户 联系电话 务工地点 从事工种 务工开始时间 务工结束时间 备注",
                "worker_roster",
            ),
            (
                "姓名 身份证号 务工地域 务工省份 务工城市 务工地点 企业名称 岗位名称 务工时间 月工资 无法外出原因 培训需求 与户主关系 户主身份证号",
                "county_ledger",
            ),
            ("序号 地区 企业名称 岗位名称 招聘人数 薪资待遇 学历要求 行业 班次 福利待遇 联系电话", "job_demand"),
            (
                "身份证号码 姓名 民族 文化程度 户口性质 户籍省份 户籍市县 现住地址 联系电话 就业形式 合同状态 合同始期 合同终期 月收入 合同终止原因 工种(岗位)",
                "recruitment_filing",
            ),
            ("姓名 性别 年龄 务工时间 务工地点 务工单位 金额", "subsidy_list"),
            (
                "单位名称 支付周期 支付日期 姓名 身份证号码 联系方式 工作时间 应发工资 扣除项目 实发工资 本人签字",
                "wage_ledger",
            ),
            (
                "批次 车次 出发地点 出发时间 到达地点 到达时间 带队人 带队人电话 姓名 身份证号 联系电话 接收企业 岗位 接收人",
                "point_to_point",
            ),
            (
                "县 乡 村 户编号 人编号 姓名 证件号码 户类型 监测对象类别 劳动技能 在校生状况 是否已务工 务工所在省 务工所在市 务工所在县 务工企业名称 所属行业 就业渠道 是否点对点输送 务工月收入 开始时间 结束时间 年度交通费补助",
                "national_outside_workers",
            ),
        ] {
            let headings: Vec<&str> = headings.split(' ').collect();
            assert_eq!(layout(&headings), code);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let header = find(&sheet(&[&["姓名", "联系电话", "务工地点"]])).unwrap();
        let Some(Recognised::Lacking(_, missing)) = recognise(&header) else { panic!("recognised") };
        assert!(missing.contains(&Field::IdentityNumber), "{missing:?}");
    }

    #[test]
    fn sums_and_notes_below_the_list_are_told_from_people() {
        let header = Header::of(&row(1, &["序号", "姓名", "身份证号", "联系电话"]));
        for (cells, kind) in [
            (vec!["1", "张三", "430523199003079985", ""], BodyRow::Data),
            (vec!["", "李四"], BodyRow::Data),
            (vec!["合 计", "", "2人"], BodyRow::Total),
            (vec!["注：请如实填写身份证号码与电话"], BodyRow::Note),
            (vec!["填表人：王五", "", "审核人：赵六"], BodyRow::Note),
            (vec!["3"], BodyRow::Note),
            (vec!["序号", "姓名", "身份证号", "联系电话"], BodyRow::Header),
        ] {
            assert_eq!(body_row(&header, &row(9, &cells)), kind, "{cells:?}");
        }
    }
}
