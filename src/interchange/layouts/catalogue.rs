//! The layouts. One entry is one kind of file; the order decides between two that fit a file equally well.

use super::fields::Field::*;
use super::{ImportTarget, Layout};

/// Every layout.
pub const LAYOUTS: &[Layout] = &[
    Layout {
        code: "national_outside_workers",
        name_zh: "已外出务工信息（务工月监测）",
        name_en: "workers who have left, national monitoring export",
        target: ImportTarget::Workers,
        required: &[Name, IdentityNumber, IsWorking, WorkCounty],
        optional: &[
            County, Township, Village, HouseholdNumber, PersonNumber, IdentityType, HouseholdType, MonitoredCategory,
            LabourAbility, SchoolStatus, WorkProvince, WorkCity, EmployerName, Industry, Channel, PointToPoint,
            MonthlyIncome, StartDate, EndDate, FareSubsidy, Phone, Remark,
        ],
    },
    Layout {
        code: "national_planned_workers",
        name_zh: "计划外出务工信息（务工月监测）",
        name_en: "workers who plan to leave, national monitoring export",
        target: ImportTarget::Workers,
        required: &[Name, IdentityNumber, PlansToWork, PlannedCounty],
        optional: &[
            County, Township, Village, HouseholdNumber, PersonNumber, IdentityType, HouseholdType, MonitoredCategory,
            LabourAbility, SchoolStatus, Phone, Remark,
        ],
    },
    Layout {
        code: "rural_transfer",
        name_zh: "农村劳动力转移就业导入表",
        name_en: "rural labour transferred into employment",
        target: ImportTarget::Workers,
        required: &[Name, IdentityNumber, HukouAddress, WorkPlace, Industry],
        optional: &[Sector, Phone, MonthlyIncome, Remark],
    },
    Layout {
        code: "county_ledger",
        name_zh: "县级就业台账",
        name_en: "county employment ledger",
        target: ImportTarget::Workers,
        required: &[Name, IdentityNumber, WorkArea],
        optional: &[
            WorkProvince, WorkCity, WorkPlace, EmployerName, PostTitle, WorkPeriod, MonthlyIncome, Phone, Sex,
            HouseholdType, HukouAddress, Township, Village, Remark,
        ],
    },
    Layout {
        code: "point_to_point",
        name_zh: "点对点输送名单",
        name_en: "roster of a door-to-door dispatch",
        target: ImportTarget::Roster,
        required: &[Name, IdentityNumber, EmployerName, PostTitle, Phone],
        optional: &[SerialNumber, Sex, Age, HukouAddress, Township, Village, WorkPlace, Reference, IsPoor, HouseholdType, Remark],
    },
    Layout {
        code: "recruitment_filing",
        name_zh: "用人单位招用人员备案花名册",
        name_en: "employer's filing of people hired",
        target: ImportTarget::Arrivals,
        required: &[Name, IdentityNumber, ContractState, ContractStart],
        optional: &[
            SerialNumber, Sex, Ethnicity, Education, HukouProvince, HukouCounty, Phone, Channel, ContractEnd,
            MonthlyIncome, PostTitle, EmployerName, Remark,
        ],
    },
    Layout {
        code: "wage_ledger",
        name_zh: "工资支付台账",
        name_en: "statutory wage ledger",
        target: ImportTarget::Wages,
        required: &[Name, IdentityNumber, PaidAmount],
        optional: &[SerialNumber, EmployerName, PayMonth, PaidOn, Phone, PostTitle, Remark],
    },
    Layout {
        code: "job_demand",
        name_zh: "东西部劳务协作岗位对接报表（用工需求）",
        name_en: "posts that employers offer",
        target: ImportTarget::Quotas,
        required: &[EmployerName, PostTitle, Headcount],
        optional: &[
            SerialNumber, Reference, EmployerCreditCode, WorkPlace, WageOffer, Industry, Education, SexWanted, Ethnicity,
            ApprovedPlaces, ValidUntil, Phone, Remark,
        ],
    },
    Layout {
        code: "h2a_orders",
        name_zh: "美国 H-2A 季节性用工订单（公开数据）",
        name_en: "US H-2A job orders, as disclosed",
        target: ImportTarget::Quotas,
        required: &[Reference, EmployerName, PostTitle, Headcount, ApprovedPlaces, ValidUntil, CaseStatus],
        optional: &[CaseBegin, Remark],
    },
    Layout {
        code: "subsidy_list",
        name_zh: "补贴公示/花名册",
        name_en: "list of those paid a subsidy",
        target: ImportTarget::Stays,
        required: &[Name, WorkPeriod, SubsidyAmount],
        optional: &[SerialNumber, IdentityNumber, Sex, Age, WorkPlace, EmployerName, Township, Village, Remark],
    },
    Layout {
        code: "worker_roster",
        name_zh: "务工人员花名册",
        name_en: "roster of migrant workers",
        target: ImportTarget::Workers,
        required: &[Name, IdentityNumber],
        optional: &[
            SerialNumber, Sex, Age, HukouAddress, Township, Village, IsPoor, HouseholdType, Phone, WorkPlace, EmployerName,
            PostTitle, StartDate, EndDate, MonthlyIncome, TotalIncome, PersonNumber, Remark,
        ],
    },
];
