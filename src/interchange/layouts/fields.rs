//! What a column can hold: each field once, with every heading it goes by. The first heading is the one we write.

/// What the cells of a field are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// As it stands.
    Text,
    /// A person's name.
    Name,
    /// An identity number, always written back as text.
    Identity,
    /// A mobile number.
    Phone,
    /// A division, alone or with those above it.
    Place,
    /// A day or a month.
    Date,
    /// From when to when.
    Period,
    /// Yes or no.
    Flag,
    /// A monthly wage.
    Wage,
    /// Whole people or months.
    Count,
}

macro_rules! fields {
    ($($field:ident $name:literal $kind:ident [$($heading:literal),+];)+) => {
        /// What a column holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "the headings beside each say what it is")]
        pub enum Field { $($field),+ }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Self] = &[$(Self::$field),+];

            /// Its name, for programs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name),+ }
            }

            /// Every heading it goes by.
            #[must_use]
            pub const fn headings(self) -> &'static [&'static str] {
                match self { $(Self::$field => &[$($heading),+]),+ }
            }

            /// What its cells are read as.
            #[must_use]
            pub const fn kind(self) -> CellKind {
                match self { $(Self::$field => CellKind::$kind),+ }
            }
        }
    };
}

fields! {
    SerialNumber "serial_number" Text ["序号", "序", "顺序号"];
    County "county" Place ["县", "县区", "县(市、区)", "所属县"];
    Township "township" Text ["乡", "乡镇", "乡(镇)", "所属乡镇", "镇"];
    Village "village" Text ["村", "行政村", "所属村", "村(社区)"];
    HouseholdNumber "household_number" Text ["户编号", "户号"];
    PersonNumber "person_number" Text ["人编号", "人员编号"];
    Name "name" Name ["姓名", "员工姓名", "劳动者姓名", "务工人员姓名", "人员姓名", "工人姓名"];
    IdentityNumber "identity_number" Identity ["身份证号码", "身份证号", "公民身份号码", "证件号码", "身份证", "居民身份证号码", "公民身份证号码", "证件号"];
    IdentityType "identity_type" Text ["证件类型"];
    Sex "sex" Text ["性别"];
    BirthDate "birth_date" Date ["出生日期", "出生年月", "出生年月日"];
    Age "age" Text ["年龄"];
    Ethnicity "ethnicity" Text ["民族", "民族要求"];
    Education "education" Text ["文化程度", "学历", "学历要求"];
    HouseholdType "household_type" Text ["户类型", "人员类别", "人员类型"];
    IsPoor "is_poor" Flag ["是否贫困户", "是否脱贫户", "是否脱贫人口", "是否建档立卡户"];
    MonitoredCategory "monitored_category" Text ["监测对象类别", "监测类别"];
    LabourAbility "labour_ability" Text ["劳动技能", "劳动能力"];
    SchoolStatus "school_status" Text ["在校生状况", "在校状况"];
    IsWorking "is_working" Flag ["是否已务工", "是否务工", "是否外出务工"];
    PlansToWork "plans_to_work" Flag ["是否计划务工", "是否有外出务工意愿"];
    PlannedCounty "planned_county" Place ["计划务工所在县"];
    WorkProvince "work_province" Place ["务工所在省", "务工省份"];
    WorkCity "work_city" Place ["务工所在市", "务工城市"];
    WorkCounty "work_county" Place ["务工所在县", "务工县区"];
    WorkPlace "work_place" Place ["务工地点", "务工所在地", "转移就业地点", "工作地点", "务工地", "地区", "用工地点", "就业地点"];
    WorkArea "work_area" Text ["务工地域"];
    EmployerName "employer_name" Text ["企业名称", "务工单位", "务工企业名称", "单位名称", "用人单位", "用工单位", "转移就业单位", "接收企业", "用工企业", "用人单位名称", "Employer_Name"];
    EmployerCreditCode "employer_credit_code" Text ["统一社会信用代码", "信用代码", "企业信用代码"];
    Sector "sector" Text ["转移就业产业类别", "产业类别"];
    Industry "industry" Text ["所属行业", "转移就业从事行业", "行业", "从事行业"];
    Channel "channel" Text ["就业渠道", "转移就业方式", "就业形式"];
    PointToPoint "point_to_point" Flag ["是否点对点输送", "是否点对点", "是否有组织劳务输出"];
    MonthlyIncome "monthly_income" Wage ["务工月收入", "月收入", "月工资", "月收入(元)"];
    TotalIncome "total_income" Text ["务工总收入", "总收入"];
    StartDate "start_date" Date ["务工开始时间", "开始时间", "外出务工时间", "到岗时间", "到岗日期", "上岗时间"];
    EndDate "end_date" Date ["务工结束时间", "结束时间"];
    WorkPeriod "work_period" Period ["务工时间", "务工起止时间", "务工时间(起止)", "务工时段"];
    MonthsWorked "months_worked" Count ["务工月数", "务工时长", "务工时长(月)"];
    FareSubsidy "fare_subsidy" Wage ["年度交通费补助", "交通费补助", "交通补助", "一次性交通补贴"];
    SubsidyAmount "subsidy_amount" Wage ["金额", "补贴金额", "补助金额"];
    HukouAddress "hukou_address" Place ["户籍地址", "家庭住址", "户籍所在地", "户籍地", "家庭地址", "住址"];
    HukouProvince "hukou_province" Place ["户籍省份"];
    HukouCounty "hukou_county" Place ["户籍市县", "户籍县", "户籍县区"];
    Phone "phone" Phone ["联系电话", "手机号", "电话", "手机号码", "联系方式", "本人电话", "联系人电话"];
    PostTitle "post_title" Text ["岗位名称", "从事工种", "工种(岗位)", "工种", "岗位", "招聘岗位", "需求岗位", "Job_Title"];
    Reference "reference" Text ["需求编号", "岗位编号", "订单编号", "Case_Number"];
    Headcount "requested_places" Count ["招聘人数", "需求人数", "用工人数", "招工人数", "人数", "Nbr_Workers_Requsted"];
    ApprovedPlaces "approved_places" Count ["核定人数", "批准人数", "Nbr_Workers_Certified"];
    WageOffer "wage_offer" Wage ["薪资待遇", "工资待遇", "薪酬待遇", "月薪"];
    ValidUntil "valid_until" Date ["有效期至", "截止日期", "招聘截止日期", "Certification_End_Date"];
    SexWanted "sex_wanted" Text ["性别要求"];
    ContractState "contract_state" Text ["合同状态"];
    ContractStart "contract_start" Date ["合同始期", "合同起始日期", "合同开始日期"];
    ContractEnd "contract_end" Date ["合同终期", "合同终止日期", "合同结束日期"];
    PayMonth "pay_month" Date ["工资月份", "支付周期", "所属月份", "工资所属期", "发放月份", "月份"];
    PaidOn "paid_on" Date ["支付日期", "发放日期"];
    PaidAmount "paid_amount" Wage ["实发工资", "实发金额", "实际支付", "支付数额", "实付工资"];
    CaseStatus "case_status" Text ["Case_Status"];
    CaseBegin "case_begin" Date ["Certification_Begin_Date"];
    Remark "remark" Text ["备注", "校验结果", "差异说明", "说明", "领款签字", "签字", "本人签字", "无法外出原因", "培训需求", "与户主关系", "户主身份证号", "常住地址", "现住地址",
        "户口性质", "合同终止原因", "班次", "福利待遇", "学历", "年龄要求", "应发工资", "应付工资", "扣款", "扣除项目", "代扣代缴", "出勤天数", "工作时间", "工作天数", "加班工时",
        "基本工资", "加班工资", "银行流水号", "支付凭证", "银行账号", "批次", "车次", "车次(车牌)", "车牌号", "出发地点", "出发时间", "到达地点", "到达时间", "带队人", "带队人电话", "接收人",
        "接收人电话", "开户行", "联系人", "企业联系人",
        "Employer_City", "Employer_State", "Basic_Rate_of_Pay", "Basic_Nbr_Hours", "Wage_Rate_Per"];
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::interchange::layouts::heading::normal;

    #[test]
    fn no_heading_stands_for_two_fields_but_where_a_later_one_only_keeps_it() {
        let mut known: HashMap<String, Field> = HashMap::new();
        for field in Field::ALL.iter().filter(|field| **field != Field::Remark) {
            for heading in field.headings().iter().copied().chain([field.name()]) {
                let before = known.insert(normal(heading), *field);
                assert!(before.is_none_or(|before| before == *field), "{heading}: {before:?} and {field:?}");
            }
        }
    }
}
