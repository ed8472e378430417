//! What is played: the agreements of 邵阳县 in 2021, how many people each took, and what goes wrong on the way.
//!
//! The article names six places and says that seven agreements were signed; the seventh here (永康市) is an assumption, marked as such, and
//! its people stand in none of the compared figures. The article gives one figure for several places together; how it is divided among
//! them is an assumption too. Employers that the article does not name are made up and say so in their names.
//!
//! Every fault has a planned number, and the exchange has to find exactly that many.

use crate::regions::Scope;

/// The origin of every agreement here.
pub const ORIGIN: &str = "邵阳县人力资源和社会保障局";
/// Days of departure. The last leaves time for 180 days before the figures were published.
pub const DEPARTURES: [&str; 4] = ["2021-02-26", "2021-03-19", "2021-04-16", "2021-05-06"];
/// The day everything is set up: after the Spring Festival of 2021.
pub const SIGNED_ON: &str = "2021-02-20";
/// The day the article was published.
pub const PUBLISHED_ON: &str = "2021-11-08";

/// What becomes of somebody who is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Arrives, stays, and is seen on rosters, wage ledgers and insurance lists.
    Stays,
    /// The employer confirms after the deadline.
    ConfirmedLate,
    /// The employer writes another name to the right number.
    OtherName,
    /// Works for another employer of the same place.
    OtherEmployer,
    /// Works in another county, which is no destination of the agreement.
    OtherRegion,
    /// Never appeared.
    NoShow,
    /// Turned down by the employer.
    RefusedByEmployer,
    /// Turned the post down.
    RefusedByWorker,
    /// Departed, and nobody says anything.
    Unheard,
    /// The station saw the arrival, the employer is silent.
    StationOnly,
    /// The employer says arrived, the destination says no show.
    Contradicted,
    /// Employer and destination give days more than a week apart.
    OtherDay,
    /// The origin contests the arrival.
    Contested,
    /// Leaves after fifty days, and the employer says so.
    Leaves,
    /// Leaves after fifty days and stays on the wage ledger.
    LeavesOnPaperStays,
    /// A second post is reported for the same days.
    TwoPosts,
    /// Nobody but a phone call says that the person is there.
    PhoneOnly,
    /// Paid no social insurance: only the employer's roster says that the person is there.
    Uninsured,
}

impl Fate {
    /// Whether the arrival is certain by the terms, so that the person counts.
    #[must_use]
    pub const fn counts(self) -> bool {
        !matches!(
            self,
            Self::OtherName
                | Self::OtherRegion
                | Self::NoShow
                | Self::RefusedByEmployer
                | Self::RefusedByWorker
                | Self::Unheard
                | Self::StationOnly
                | Self::Contradicted
                | Self::Contested
        )
    }

    /// Whether somebody who is no longer there after ninety days.
    #[must_use]
    pub const fn leaves(self) -> bool {
        matches!(self, Self::Leaves | Self::LeavesOnPaperStays)
    }
}

/// What is known of an employer's credit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Licence {
    /// Not given: the article prints none, and nobody invents one for a firm that exists.
    Unknown,
    /// Made up and well-formed.
    Fits,
    /// Made up, and its check character does not fit.
    Doubtful,
}

/// An employer.
#[derive(Debug, Clone, Copy)]
pub struct EmployerPlan {
    /// Name.
    pub name: &'static str,
    /// Credit code.
    pub licence: Licence,
    /// The post.
    pub post: &'static str,
    /// Lowest and highest monthly wage in yuan.
    pub wage: (i64, i64),
}

/// An agreement.
#[derive(Debug, Clone, Copy)]
pub struct AgreementPlan {
    /// Short key, part of references.
    pub key: &'static str,
    /// The place in Chinese.
    pub place: &'static str,
    /// Whether the article names it.
    pub named: bool,
    /// Kind of agreement.
    pub kind: &'static str,
    /// The destination's authority.
    pub authority: &'static str,
    /// Workplace; the host of the zone where there is one.
    pub region: &'static str,
    /// The zone, where the destination is one.
    pub zone: Option<&'static str>,
    /// The origin's station there.
    pub station: Option<&'static str>,
    /// How far from home.
    pub scope: Scope,
    /// The yearly target: its share of the published figure.
    pub target: i64,
    /// Persons who arrive for certain.
    pub arrivals: usize,
    /// What becomes of those who do not simply stay.
    pub fates: &'static [(Fate, usize)],
    /// Who employs them.
    pub employers: &'static [EmployerPlan],
    /// Whether the places start in cohorts.
    pub cohorts: bool,
    /// Places asked for beyond those that are needed; a plan with as few as needed approves a part only.
    pub spare_places: usize,
}

impl AgreementPlan {
    /// What becomes of each person on the rosters, the special ones first.
    #[must_use]
    pub fn rosters(&self) -> Vec<Fate> {
        let special = self.fates.iter().flat_map(|(fate, persons)| std::iter::repeat_n(*fate, *persons));
        let counting: usize = self.fates.iter().filter(|(fate, _)| fate.counts()).map(|(_, persons)| persons).sum();
        special.chain(std::iter::repeat_n(Fate::Stays, self.arrivals.saturating_sub(counting))).collect()
    }

    /// How many people are sent to meet this fate.
    #[must_use]
    pub fn persons(&self, fate: Fate) -> usize {
        self.rosters().into_iter().filter(|other| *other == fate).count()
    }
}

const fn made_up(name: &'static str, post: &'static str, wage: (i64, i64)) -> EmployerPlan {
    EmployerPlan { name, licence: Licence::Fits, post, wage }
}

const fn of_the_article(name: &'static str, post: &'static str, wage: (i64, i64)) -> EmployerPlan {
    EmployerPlan { name, licence: Licence::Unknown, post, wage }
}

/// The seven agreements.
pub const AGREEMENTS: [AgreementPlan; 7] = [
    AgreementPlan {
        key: "YW",
        place: "义乌市",
        named: true,
        kind: "inter_provincial",
        authority: "义乌市人力资源和社会保障局",
        region: "330782",
        zone: None,
        station: Some("邵阳县驻义乌劳务服务站（演示）"),
        scope: Scope::OutsideProvince,
        target: 1_400,
        arrivals: 1_406,
        fates: &[
            (Fate::StationOnly, 10),
            (Fate::NoShow, 6),
            (Fate::OtherEmployer, 9),
            (Fate::OtherRegion, 5),
            (Fate::OtherName, 6),
            (Fate::TwoPosts, 4),
        ],
        employers: &[
            made_up("义乌示例饰品厂", "饰品装配工", (4_500, 6_500)),
            EmployerPlan {
                name: "义乌示例针织厂", licence: Licence::Doubtful, post: "缝纫工", wage: (4_800, 7_000)
            },
        ],
        cohorts: false,
        spare_places: 60,
    },
    AgreementPlan {
        key: "HN",
        place: "海宁市",
        named: true,
        kind: "inter_provincial",
        authority: "海宁市人力资源和社会保障局",
        region: "330481",
        zone: None,
        station: None,
        scope: Scope::OutsideProvince,
        target: 1_100,
        arrivals: 1_106,
        fates: &[(Fate::NoShow, 8), (Fate::RefusedByEmployer, 5), (Fate::ConfirmedLate, 15), (Fate::Leaves, 30)],
        employers: &[
            made_up("海宁示例皮革厂", "皮革裁剪工", (5_000, 7_500)),
            made_up("海宁示例经编厂", "经编挡车工", (4_800, 6_800)),
        ],
        cohorts: false,
        spare_places: 50,
    },
    AgreementPlan {
        key: "CS",
        place: "长沙市",
        named: true,
        kind: "intra_provincial",
        authority: "长沙市人力资源和社会保障局",
        region: "430100",
        zone: None,
        station: None,
        scope: Scope::OutsidePrefecture,
        target: 1_200,
        arrivals: 1_206,
        fates: &[(Fate::RefusedByWorker, 5), (Fate::Contradicted, 4), (Fate::OtherDay, 3), (Fate::Uninsured, 20)],
        employers: &[
            made_up("长沙示例电子厂", "电子装配工", (4_500, 6_200)),
            made_up("长沙示例物业公司", "保洁员", (3_200, 4_000)),
        ],
        cohorts: false,
        spare_places: 40,
    },
    AgreementPlan {
        key: "LY",
        place: "浏阳市",
        named: true,
        kind: "intra_provincial",
        authority: "浏阳市人力资源和社会保障局",
        region: "430181",
        zone: None,
        station: None,
        scope: Scope::OutsidePrefecture,
        target: 1_300,
        arrivals: 1_302,
        fates: &[(Fate::Unheard, 6), (Fate::PhoneOnly, 12), (Fate::Leaves, 40)],
        employers: &[of_the_article("蓝思科技", "玻璃面板操作工", (4_500, 6_500))],
        cohorts: true,
        spare_places: 0,
    },
    AgreementPlan {
        key: "WC",
        place: "望城区",
        named: true,
        kind: "intra_provincial",
        authority: "长沙市望城区人力资源和社会保障局",
        region: "430112",
        zone: None,
        station: None,
        scope: Scope::OutsidePrefecture,
        target: 800,
        arrivals: 806,
        fates: &[(Fate::Leaves, 16)],
        employers: &[made_up("望城示例食品厂", "包装工", (4_000, 5_500))],
        cohorts: false,
        spare_places: 0,
    },
    AgreementPlan {
        key: "JKQ",
        place: "邵阳市经开区",
        named: true,
        kind: "intra_prefecture",
        authority: "邵阳市经济开发区管理委员会",
        region: "430500",
        zone: Some("邵阳市经开区"),
        station: None,
        scope: Scope::InsidePrefecture,
        target: 5_300,
        arrivals: 5_316,
        fates: &[(Fate::LeavesOnPaperStays, 8), (Fate::Contested, 3), (Fate::ConfirmedLate, 25), (Fate::Leaves, 90)],
        employers: &[
            of_the_article("连泰鞋业", "针车工", (3_000, 5_000)),
            of_the_article("邵阳口味王", "食品包装工", (3_000, 4_500)),
        ],
        cohorts: false,
        spare_places: 120,
    },
    AgreementPlan {
        key: "YK",
        place: "永康市",
        named: false,
        kind: "inter_provincial",
        authority: "永康市人力资源和社会保障局",
        region: "330784",
        zone: None,
        station: None,
        scope: Scope::OutsideProvince,
        target: 20,
        arrivals: 24,
        fates: &[],
        employers: &[made_up("永康示例五金厂", "五金抛光工", (5_000, 7_000))],
        cohorts: false,
        spare_places: 6,
    },
];

/// People of 义乌 whom a broker lists a second time, for 海宁.
pub const LISTED_TWICE: usize = 12;
/// Rows whose identity number is spoilt, for each way of spoiling it.
pub const SPOILT_EACH: usize = 2;
/// Children on a roster.
pub const CHILDREN: usize = 4;
/// People sent to 望城 beyond the places it approved.
pub const BEYOND_PLACES: usize = 5;
/// Heads that an employer of 经开区 claims and nobody has sent.
pub const PADDED_HEADS: usize = 7;
/// Dispatches that are a number without names.
pub const WITHOUT_NAMES: usize = 1;

/// How many people of all agreements are sent to meet this fate.
#[must_use]
pub fn persons(fate: Fate) -> usize {
    AGREEMENTS.iter().map(|agreement| agreement.persons(fate)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regions::atlas;

    #[test]
    fn the_scope_of_each_agreement_is_what_the_codes_say() {
        let origin = super::super::people::HUKOU.parse().unwrap();
        for plan in &AGREEMENTS {
            assert_eq!(atlas().scope_between(origin, plan.region.parse().unwrap()), Ok(plan.scope), "{}", plan.place);
        }
        assert_eq!(AGREEMENTS.iter().filter(|plan| !plan.named).count(), 1);
    }

    #[test]
    fn rosters_hold_those_who_count_and_those_who_do_not() {
        for plan in &AGREEMENTS {
            let rosters = plan.rosters();
            assert_eq!(rosters.iter().filter(|fate| fate.counts()).count(), plan.arrivals, "{}", plan.place);
        }
        let people: usize = AGREEMENTS.iter().map(|plan| plan.rosters().len()).sum();
        assert!((11_100..11_300).contains(&people), "{people} people");
    }

    #[test]
    fn places_run_out_only_where_nobody_gives_one_back() {
        let plan = AGREEMENTS.iter().find(|plan| plan.key == "WC").unwrap();
        assert!(plan.spare_places == 0 && plan.fates.iter().all(|(fate, _)| fate.counts()));
    }
}
