//! Layouts as data: what a column may be called, and which columns make which kind of file.
//!
//! A field is declared once, with every heading it goes by ([`fields`]); a layout is one entry that names the fields it needs and what its
//! rows become ([`catalogue`]). A new county's file is one entry, a new heading one word. The header is found wherever it stands
//! ([`heading`]): below titles, in any order of columns, on every sheet.

pub mod catalogue;
pub mod fields;
pub mod heading;

use serde::Serialize;
use utoipa::ToSchema;

use fields::Field;

crate::text_enum! {
    /// What the rows of a layout become.
    pub enum ImportTarget {
        /// Workers of the sender's register; with a dispatch named, rows of its roster too.
        Workers => "workers" / "人员登记",
        /// Workers and rows of the roster of a dispatch.
        Roster => "roster" / "输送名单",
        /// Quotas of an agreement.
        Quotas => "quotas" / "岗位名额",
        /// Claims of arrival, and observations of those who are in post.
        Arrivals => "arrivals" / "到岗信息",
        /// Observations with the wage paid.
        Wages => "wages" / "工资发放记录",
        /// Observations on the word of the worker.
        Stays => "stays" / "务工情况记录",
    }
}

impl ImportTarget {
    /// The scope that the command behind it needs.
    #[must_use]
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Workers => &["workers.write"],
            Self::Roster => &["workers.write", "dispatches.write"],
            Self::Quotas => &["quotas.write"],
            Self::Arrivals => &["arrivals.write", "retention.write"],
            Self::Wages | Self::Stays => &["retention.write"],
        }
    }

    /// Whether its rows belong to an agreement.
    #[must_use]
    pub const fn needs_agreement(self) -> bool {
        !matches!(self, Self::Workers)
    }
}

/// A kind of file.
#[derive(Debug)]
pub struct Layout {
    /// Stable code.
    pub code: &'static str,
    /// What clerks call it.
    pub name_zh: &'static str,
    /// What it is in English.
    pub name_en: &'static str,
    /// What its rows become.
    pub target: ImportTarget,
    /// Columns without which it is not this layout.
    pub required: &'static [Field],
    /// Columns it may have.
    pub optional: &'static [Field],
}

impl Layout {
    /// The layout of a code.
    #[must_use]
    pub fn find(code: &str) -> Option<&'static Self> {
        catalogue::LAYOUTS.iter().find(|layout| layout.code == code)
    }

    /// Every field it knows, in the order of its columns.
    pub fn fields(&self) -> impl Iterator<Item = Field> {
        self.required.iter().chain(self.optional).copied()
    }
}

/// A column of a layout, as people and programs may name it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({ "field": "identity_number", "headings": ["身份证号码", "身份证号", "公民身份号码", "证件号码"], "required": true }))]
pub struct LayoutColumn {
    /// The field's name; it is taken as a heading too.
    #[schema(max_length = 50)]
    pub field: &'static str,
    /// Headings it goes by; the first is the one we write.
    #[schema(max_items = 100)]
    pub headings: &'static [&'static str],
    /// Whether a file without it is not this layout.
    pub required: bool,
}

/// A kind of file that is taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct LayoutDescription {
    /// Stable code; `layout` of an import.
    #[schema(max_length = 50, example = "worker_roster")]
    pub code: &'static str,
    /// What it is called in Chinese.
    #[schema(max_length = 100, example = "务工人员花名册")]
    pub name_zh: &'static str,
    /// What it is called in English.
    #[schema(max_length = 100, example = "roster of migrant workers")]
    pub name_en: &'static str,
    /// What its rows become.
    pub target: ImportTarget,
    /// Its columns; they may stand in any order, and others beside them.
    #[schema(max_items = 100)]
    pub columns: Vec<LayoutColumn>,
}

/// The kinds of files that are taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct Layouts {
    /// The layouts.
    #[schema(max_items = 100)]
    pub items: Vec<LayoutDescription>,
}

/// Every layout, described.
#[must_use]
pub fn all() -> Layouts {
    let describe = |layout: &'static Layout| LayoutDescription {
        code: layout.code,
        name_zh: layout.name_zh,
        name_en: layout.name_en,
        target: layout.target,
        columns: layout
            .fields()
            .map(|field| LayoutColumn {
                field: field.name(),
                headings: field.headings(),
                required: layout.required.contains(&field),
            })
            .collect(),
    };
    Layouts { items: catalogue::LAYOUTS.iter().map(describe).collect() }
}
