//! What people send: questions, answers, resolutions, matches, undoings. Every text is kept as it was sent and holds no personal data.

use serde::Deserialize;
use utoipa::ToSchema;

use super::ResolutionOutcome;
use crate::db::Id;

/// A request for evidence.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "question": "请提供三月工资台账或考勤记录" }))]
pub struct NewEvidenceRequest {
    /// What the owner is asked for; no personal data.
    #[schema(min_length = 1, max_length = 500)]
    pub question: String,
}

/// The answer of an owner.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "answer": "经核实该员工已于三月六日到岗，更正信息已提交" }))]
pub struct NewAnswer {
    /// What was found out; no personal data.
    #[schema(min_length = 1, max_length = 500)]
    pub answer: String,
}

/// A resolution of one discrepancy.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "outcome": "destination_right", "reason": "用人单位工资台账显示三月六日到岗" }))]
pub struct NewResolution {
    /// Whose word stands.
    pub outcome: ResolutionOutcome,
    /// Why; no personal data.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// One resolution of many discrepancies.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "discrepancy_ids": ["0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50"], "outcome": "void", "reason": "批次已取消，双方确认无需处理" }))]
pub struct NewBulkResolution {
    /// The discrepancies.
    #[schema(min_items = 1, max_items = 1000)]
    pub discrepancy_ids: Vec<Id>,
    /// Whose word stands.
    pub outcome: ResolutionOutcome,
    /// Why; no personal data.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// A match by hand.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "placement_id": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c50", "force": true, "reason": "身份证核对为同一人，姓名录入有误" }))]
pub struct NewMatch {
    /// The placement that the claim is about.
    pub placement_id: Id,
    /// Matches although name, number or day do not fit; needs a reason.
    #[serde(default)]
    pub force: bool,
    /// Why; no personal data.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 500)]
    pub reason: Option<String>,
}

/// What is undone and why.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "reason": "凭证有误，重新核实" }))]
pub struct NewUndo {
    /// Why; no personal data.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}
