//! What follows from a situation: how the two sides stand to each other, which known failure it is, who has to act, and
//! whether the row counts.
//!
//! Deliberately absent: which situation has which consequence; that is the table in `reconciliation::situations`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How the two sides stand to each other in a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "agreed")]
pub enum TwoSided {
    /// Both say the same (双方一致).
    Agreed,
    /// Only the origin has it (仅输出方有).
    OriginOnly,
    /// Only the destination has it (仅输入方有).
    DestinationOnly,
    /// They say different things (双方不一致).
    Conflicting,
    /// One side still has to speak (待确认).
    Pending,
    /// Nothing to compare (作废).
    Void,
}

/// The failures that officials know, by the codes of the domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[schema(example = "D04")]
pub enum DiscrepancyCode {
    /// The same person across agreements, brokers, towns or years.
    D01,
    /// Wrong or masked ID number, or a name variant.
    D02,
    /// Listed but not eligible.
    D03,
    /// Departed, not arrived.
    D04,
    /// Arrived, at another employer or in another region than planned.
    D05,
    /// The employer denies or does not answer.
    D06,
    /// Left early, reported as in post.
    D07,
    /// Overlapping employment.
    D08,
    /// Padded heads.
    D09,
    /// Two systems disagree.
    D10,
    /// Unreachable.
    D11,
    /// Social insurance paid elsewhere, or none.
    D12,
    /// Employer without a credit code, branch for head office, agency for factory.
    D13,
    /// Counts without names.
    D14,
}

/// Who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "employer")]
pub enum Owner {
    /// The authority that sent the worker (输出方).
    Origin,
    /// The authority that received the worker (输入方).
    Destination,
    /// The employer (用人单位).
    Employer,
    /// Both authorities together (双方).
    Both,
    /// Nobody.
    None,
}

/// Whether the row counts as an arrival on which both sides agree.
///
/// Fulfilment says what claims and evidence say, reconciliation what both sides agree on. What the terms decide (the minimum of evidence
/// on the day, the regions of the agreement) decides both alike. Whatever is counted here is certain there; what is certain there and
/// provisional or not counted here is an arrival that nobody doubts, with something left to settle: over the places, with another employer
/// or in another county of the agreement, a field that differs, or a second placement of the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "counted")]
pub enum CountsAs {
    /// Both sides agree; certain in fulfilment too.
    Counted,
    /// No arrival, or one that counts elsewhere. Disputed rows stand in a column of their own, here and in fulfilment.
    NotCounted,
    /// An arrival, until the owner has acted; in fulfilment certain or probable, as claims and evidence say.
    Provisional,
}

/// What the situation is a property of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppliesTo {
    /// One announced or claimed person.
    Row,
    /// One quota as a whole.
    Quota,
}

impl DiscrepancyCode {
    /// What the code means, in Chinese.
    #[must_use]
    pub const fn meaning_zh(self) -> &'static str {
        match self {
            Self::D01 => "同一人员跨协议、经纪人、乡镇或年度重复",
            Self::D02 => "身份证号错误或被遮盖、姓名写法不一",
            Self::D03 => "列入名单但不符合条件",
            Self::D04 => "已出发未到岗",
            Self::D05 => "到岗单位或地区与计划不符",
            Self::D06 => "用人单位否认或未答复",
            Self::D07 => "已提前离岗仍报在岗",
            Self::D08 => "务工时段重叠",
            Self::D09 => "虚报人数",
            Self::D10 => "两个系统数据不一致",
            Self::D11 => "无法联系",
            Self::D12 => "社会保险在他处缴纳或未缴纳",
            Self::D13 => "用人单位缺信用代码,或总分机构、中介与工厂混淆",
            Self::D14 => "只有人数没有名单",
        }
    }

    /// What the code means, in English.
    #[must_use]
    pub const fn meaning_en(self) -> &'static str {
        match self {
            Self::D01 => "the same person across agreements, brokers, towns or years",
            Self::D02 => "wrong or masked ID number, or a name variant",
            Self::D03 => "listed but not eligible",
            Self::D04 => "departed, not arrived",
            Self::D05 => "arrived at another employer or in another region than planned",
            Self::D06 => "the employer denies or does not answer",
            Self::D07 => "left early, reported as in post",
            Self::D08 => "overlapping employment",
            Self::D09 => "padded heads",
            Self::D10 => "two systems disagree",
            Self::D11 => "unreachable",
            Self::D12 => "social insurance paid elsewhere, or none",
            Self::D13 => "employer without a credit code, branch for head office, agency for factory",
            Self::D14 => "counts without names",
        }
    }
}
