//! What follows from a situation: how the two sides stand to each other, which known failure it is, who has to act, and
//! whether the row counts.
//!
//! Deliberately absent: which situation has which consequence; that is the table in `reconciliation::situations`.

crate::text_enum! {
    /// How the two sides stand to each other in a situation.
    pub enum TwoSided {
        /// Both say the same (双方一致).
        Agreed => "agreed" / "双方一致",
        /// Only the origin has it (仅输出方有).
        OriginOnly => "origin_only" / "仅输出方有",
        /// Only the destination has it (仅输入方有).
        DestinationOnly => "destination_only" / "仅输入方有",
        /// They say different things (双方不一致).
        Conflicting => "conflicting" / "双方不一致",
        /// One side still has to speak (待确认).
        Pending => "pending" / "待确认",
        /// Nothing to compare (作废).
        Void => "void" / "作废",
    }
}

crate::text_enum! {
    /// The failures that officials know, by the codes of the domain.
    pub enum DiscrepancyCode {
        /// The same person across agreements, brokers, towns or years.
        D01 => "D01" / "同一人员跨协议、经纪人、乡镇或年度重复" / "the same person across agreements, brokers, towns or years",
        /// Wrong or masked ID number, or a name variant.
        D02 => "D02" / "身份证号错误或被遮盖、姓名写法不一" / "wrong or masked ID number, or a name variant",
        /// Listed but not eligible.
        D03 => "D03" / "列入名单但不符合条件" / "listed but not eligible",
        /// Departed, not arrived.
        D04 => "D04" / "已出发未到岗" / "departed, not arrived",
        /// Arrived, at another employer or in another region than planned.
        D05 => "D05" / "到岗单位或地区与计划不符" / "arrived at another employer or in another region than planned",
        /// The employer denies or does not answer.
        D06 => "D06" / "用人单位否认或未答复" / "the employer denies or does not answer",
        /// Left early, reported as in post.
        D07 => "D07" / "已提前离岗仍报在岗" / "left early, reported as in post",
        /// Overlapping employment.
        D08 => "D08" / "务工时段重叠" / "overlapping employment",
        /// Padded heads.
        D09 => "D09" / "虚报人数" / "padded heads",
        /// Two systems disagree.
        D10 => "D10" / "两个系统数据不一致" / "two systems disagree",
        /// Unreachable.
        D11 => "D11" / "无法联系" / "unreachable",
        /// Social insurance paid elsewhere, or none.
        D12 => "D12" / "社会保险在他处缴纳或未缴纳" / "social insurance paid elsewhere, or none",
        /// Employer without a credit code, branch for head office, agency for factory.
        D13 => "D13" / "用人单位缺信用代码，或总分机构、中介与工厂混淆" / "employer without a credit code, branch for head office, agency for factory",
        /// Counts without names.
        D14 => "D14" / "只有人数没有名单" / "counts without names",
    }
}

crate::text_enum! {
    /// Who has to act.
    pub enum Owner {
        /// The authority that sent the worker (输出方).
        Origin => "origin" / "输出方",
        /// The authority that received the worker (输入方).
        Destination => "destination" / "输入方",
        /// The employer (用人单位).
        Employer => "employer" / "用人单位",
        /// Both authorities together (双方).
        Both => "both" / "双方",
        /// Nobody.
        None => "none" / "无" / "nobody",
    }
}

crate::text_enum! {
    /// Whether the row counts as an arrival on which both sides agree.
    ///
    /// Fulfilment says what claims and evidence say, reconciliation what both sides agree on. What the terms decide (the minimum of evidence
    /// on the day, the regions of the agreement) decides both alike. Whatever is counted here is certain there; what is certain there and
    /// provisional or not counted here is an arrival that nobody doubts, with something left to settle: over the places, with another employer
    /// or in another county of the agreement, a field that differs, or a second placement of the same person. The one exception is a claim that
    /// was matched to a placement by hand: it counts here, and there once its claimant says it of the placement itself.
    pub enum CountsAs {
        /// Both sides agree; certain in fulfilment too.
        Counted => "counted" / "计入",
        /// No arrival, or one that counts elsewhere. Disputed rows stand in a column of their own, here and in fulfilment.
        NotCounted => "not_counted" / "不计入",
        /// An arrival, until the owner has acted; in fulfilment certain or probable, as claims and evidence say.
        Provisional => "provisional" / "暂计",
    }
}

crate::text_enum! {
    /// What the situation is a property of.
    pub enum AppliesTo {
        /// One announced or claimed person.
        Row => "row" / "人员",
        /// One quota as a whole.
        Quota => "quota" / "岗位名额",
    }
}
