//! The report of a certification: one line for each requirement, in Chinese and English, with what to do where it is not met.

use serde::Serialize;

/// How a requirement stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Met.
    Passed,
    /// Not met.
    Failed,
    /// Could not be looked at.
    NotChecked,
}

/// A requirement: its stable name, what it is called, and the remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// Stable name.
    pub name: &'static str,
    /// What is required, in Chinese.
    pub label_zh: &'static str,
    /// What is required, in English.
    pub label_en: &'static str,
    /// What to do when it is not met, in Chinese.
    pub remedy_zh: &'static str,
    /// What to do when it is not met, in English.
    pub remedy_en: &'static str,
}

/// A requirement and how it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was required.
    #[serde(flatten)]
    pub requirement: Requirement,
    /// How it stands.
    pub verdict: Verdict,
    /// What was seen: statuses and times.
    pub seen: String,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The receiver.
    pub url: String,
    /// Requirements met.
    pub passed: usize,
    /// Requirements not met.
    pub failed: usize,
    /// Requirements that could not be looked at.
    pub not_checked: usize,
    /// Each of them.
    pub checks: Vec<Finding>,
}

impl Report {
    /// Counts what was found.
    #[must_use]
    pub fn of(url: &str, checks: Vec<Finding>) -> Self {
        let count = |verdict| checks.iter().filter(|finding| finding.verdict == verdict).count();
        Self {
            url: url.to_owned(),
            passed: count(Verdict::Passed),
            failed: count(Verdict::Failed),
            not_checked: count(Verdict::NotChecked),
            checks,
        }
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        self.failed == 0
    }

    /// The report for people.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines =
            vec![format!("事件推送接收端认证 / webhook receiver certification: {}", self.url), String::new()];
        for finding in &self.checks {
            let Requirement { label_zh, label_en, remedy_zh, remedy_en, .. } = finding.requirement;
            let mark = match finding.verdict {
                Verdict::Passed => "✓",
                Verdict::Failed => "✗",
                Verdict::NotChecked => "–",
            };
            lines.push(format!("{mark} {label_zh} / {label_en}  [{}]", finding.seen));
            if finding.verdict == Verdict::Failed {
                lines.push(format!("    处理：{remedy_zh}"));
                lines.push(format!("    remedy: {remedy_en}"));
            }
        }
        let verdict = if self.is_passed() { "通过 / PASSED" } else { "未通过 / NOT PASSED" };
        let Self { passed, failed, not_checked, .. } = self;
        lines.push(String::new());
        lines.push(format!(
            "{verdict}: 合格 {passed}，不合格 {failed}，未检查 {not_checked} / {passed} met, {failed} not met, {not_checked} not checked"
        ));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_with_its_remedy_in_both_languages() {
        let requirement = Requirement {
            name: "accepts_signed",
            label_zh: "接受签名正确的事件",
            label_en: "takes a signed event",
            remedy_zh: "返回 2xx",
            remedy_en: "answer 2xx",
        };
        let finding = |verdict| Finding { requirement, verdict, seen: "500, 3 ms".to_owned() };
        let bad =
            Report::of("https://partner.example.cn/", vec![finding(Verdict::Failed), finding(Verdict::NotChecked)]);
        let text = bad.lines().join("\n");
        assert!(!bad.is_passed() && text.contains("处理：返回 2xx") && text.contains("remedy: answer 2xx"), "{text}");
        assert!(text.contains("未通过") && text.contains("0 met, 1 not met, 1 not checked"), "{text}");
        assert!(Report::of("https://partner.example.cn/", vec![finding(Verdict::Passed)]).is_passed());
    }
}
