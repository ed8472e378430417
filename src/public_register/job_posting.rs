//! A published quota as a schema.org JobPosting, for search engines and job boards.
//!
//! Property names and types are schema.org's (<https://schema.org/JobPosting>); what the exchange does not know is left out rather than
//! guessed. A closed post has a `validThrough` that is over.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::{Day, Instant};
use crate::quotas::QuotaStanding;
use crate::regions::RegionCode;
use crate::regions::atlas::atlas;

/// Country of every workplace.
const COUNTRY: &str = "CN";

/// A post that is or was offered, in the words of schema.org.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({
    "@context": "https://schema.org", "@type": "JobPosting", "title": "普工", "description": "普工，工作地点：浙江省金华市义乌市，招聘 280 人，月工资 4500–6000 元。",
    "identifier": { "@type": "PropertyValue", "name": "SY-YW-2026-01", "value": "0192f0c1-7d5e-7c3a-9b61-2f4e8d7a6c52" },
    "datePosted": "2026-02-10", "validThrough": "2026-12-31T15:59:59.000000Z", "totalJobOpenings": 280,
    "hiringOrganization": { "@type": "Organization", "name": "义乌小商品制造有限公司" },
    "jobLocation": { "@type": "Place", "address": { "@type": "PostalAddress", "addressCountry": "CN", "addressRegion": "浙江省", "addressLocality": "金华市义乌市" } },
    "baseSalary": { "@type": "MonetaryAmount", "currency": "CNY", "value": { "@type": "QuantitativeValue", "minValue": 4500.0, "maxValue": 6000.0, "unitText": "MONTH" } }
}))]
pub struct JobPosting {
    /// The vocabulary.
    #[serde(rename = "@context")]
    #[schema(max_length = 50)]
    pub context: &'static str,
    /// `JobPosting`.
    #[serde(rename = "@type")]
    #[schema(max_length = 50)]
    pub kind: &'static str,
    /// The post as the employer words it.
    #[schema(max_length = 100)]
    pub title: String,
    /// The same in a sentence: post, place, number, wage.
    #[schema(max_length = 500)]
    pub description: String,
    /// Number of the agreement and id of the quota.
    pub identifier: PropertyValue,
    /// Day of the first publication.
    #[serde(rename = "datePosted")]
    pub date_posted: Day,
    /// When the offer ends; of a closed post, when it ended.
    #[serde(rename = "validThrough")]
    pub valid_through: Instant,
    /// Places approved.
    #[serde(rename = "totalJobOpenings")]
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub total_job_openings: i64,
    /// Occupation code, when known.
    #[serde(rename = "occupationalCategory", skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 20, nullable = false)]
    pub occupational_category: Option<String>,
    /// The employer.
    #[serde(rename = "hiringOrganization")]
    pub hiring_organization: Organization,
    /// The workplace.
    #[serde(rename = "jobLocation")]
    pub job_location: Place,
    /// Monthly wage, when it was said.
    #[serde(rename = "baseSalary", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub base_salary: Option<MonetaryAmount>,
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PropertyValue {
    /// `PropertyValue`.
    #[serde(rename = "@type")]
    #[schema(max_length = 50)]
    pub kind: &'static str,
    /// What it is the number of.
    #[schema(max_length = 50)]
    pub name: String,
    /// The value.
    #[schema(max_length = 50)]
    pub value: String,
}

/// An organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Organization {
    /// `Organization`.
    #[serde(rename = "@type")]
    #[schema(max_length = 50)]
    pub kind: &'static str,
    /// Its name.
    #[schema(max_length = 100)]
    pub name: String,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Place {
    /// `Place`.
    #[serde(rename = "@type")]
    #[schema(max_length = 50)]
    pub kind: &'static str,
    /// Where it is.
    pub address: PostalAddress,
}

/// An address down to the county.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PostalAddress {
    /// `PostalAddress`.
    #[serde(rename = "@type")]
    #[schema(max_length = 50)]
    pub kind: &'static str,
    /// `CN`.
    #[serde(rename = "addressCountry")]
    #[schema(max_length = 2)]
    pub country: &'static str,
    /// Province.
    #[serde(rename = "addressRegion")]
    #[schema(max_length = 50)]
    pub region: String,
    /// City and county.
    #[serde(rename = "addressLocality")]
    #[schema(max_length = 100)]
    pub locality: String,
}

/// An amount of money.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MonetaryAmount {
    /// `MonetaryAmount`.
    #[serde(rename = "@type")]
    #[schema(max_length = 50)]
    pub kind: &'static str,
    /// `CNY`.
    #[schema(max_length = 3)]
    pub currency: &'static str,
    /// From how much to how much, in yuan a month.
    pub value: QuantitativeValue,
}

/// A range.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct QuantitativeValue {
    /// `QuantitativeValue`.
    #[serde(rename = "@type")]
    #[schema(max_length = 50)]
    pub kind: &'static str,
    /// Lowest, when said.
    #[serde(rename = "minValue", skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000, nullable = false)]
    pub min_value: Option<f64>,
    /// Highest, when said.
    #[serde(rename = "maxValue", skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000, nullable = false)]
    pub max_value: Option<f64>,
    /// `MONTH`.
    #[serde(rename = "unitText")]
    #[schema(max_length = 10)]
    pub unit_text: &'static str,
}

/// What the books say of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Id of the quota.
    pub quota_id: crate::db::Id,
    /// Number of the agreement.
    pub agreement_number: String,
    /// The post.
    pub post_title: String,
    /// Occupation code.
    pub occupation_code: Option<String>,
    /// The workplace.
    pub region_code: RegionCode,
    /// The employer's name.
    pub employer_name: String,
    /// Places approved.
    pub places: i64,
    /// Lowest and highest monthly wage in fen.
    pub wage_fen: (Option<i64>, Option<i64>),
    /// Last day.
    pub valid_until: Day,
    /// What it is today.
    pub standing: QuotaStanding,
    /// When it was first published.
    pub posted_at: Instant,
    /// When it last changed; of a withdrawn one, when it was withdrawn.
    pub updated_at: Instant,
}

/// An offer in the words of schema.org.
#[must_use]
pub fn job_posting(offer: &Offer, today: Day) -> JobPosting {
    let path = atlas().path(offer.region_code);
    let mut names = path.iter().map(|region| region.name.as_str());
    let (region, locality) = (names.next().unwrap_or_default().to_owned(), names.collect::<String>());
    let end_of = |day: Day| day.plus_days(1).start().plus_seconds(-1);
    let valid_through = match offer.standing {
        QuotaStanding::Withdrawn => offer.updated_at.min(end_of(offer.valid_until)),
        // The day on which the last place was taken is not kept; since then no offer stands.
        QuotaStanding::Filled => end_of(offer.valid_until.min(today.plus_days(-1))),
        _ => end_of(offer.valid_until),
    };
    JobPosting {
        context: "https://schema.org",
        kind: "JobPosting",
        title: offer.post_title.clone(),
        description: described(offer, &format!("{region}{locality}")),
        identifier: PropertyValue {
            kind: "PropertyValue",
            name: offer.agreement_number.clone(),
            value: offer.quota_id.to_string(),
        },
        date_posted: offer.posted_at.day(),
        valid_through,
        total_job_openings: offer.places,
        occupational_category: offer.occupation_code.clone(),
        hiring_organization: Organization { kind: "Organization", name: offer.employer_name.clone() },
        job_location: Place {
            kind: "Place",
            address: PostalAddress { kind: "PostalAddress", country: COUNTRY, region, locality },
        },
        base_salary: wage(offer.wage_fen),
    }
}

fn described(offer: &Offer, place: &str) -> String {
    let yuan = |fen: i64| {
        let (whole, rest) = (fen / 100, fen % 100);
        if rest == 0 { whole.to_string() } else { format!("{whole}.{rest:02}") }
    };
    let wage = match offer.wage_fen {
        (Some(low), Some(high)) if low != high => format!("，月工资 {}–{} 元", yuan(low), yuan(high)),
        (Some(wage), _) | (None, Some(wage)) => format!("，月工资 {} 元", yuan(wage)),
        (None, None) => String::new(),
    };
    format!("{}，工作地点：{place}，招聘 {} 人{wage}。", offer.post_title, offer.places)
}

fn wage((low, high): (Option<i64>, Option<i64>)) -> Option<MonetaryAmount> {
    low.or(high)?;
    // A wage of the books lies far below what an f64 holds exactly.
    let yuan = |fen: i64| i32::try_from(fen).ok().map(|fen| f64::from(fen) / 100.0);
    Some(MonetaryAmount {
        kind: "MonetaryAmount",
        currency: "CNY",
        value: QuantitativeValue {
            kind: "QuantitativeValue",
            min_value: low.and_then(yuan),
            max_value: high.and_then(yuan),
            unit_text: "MONTH",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Id;

    fn offer(standing: QuotaStanding) -> Offer {
        Offer {
            quota_id: Id::NIL,
            agreement_number: "SY-YW-2026-01".to_owned(),
            post_title: "普工".to_owned(),
            occupation_code: None,
            region_code: "330782".parse().unwrap(),
            employer_name: "义乌小商品制造有限公司".to_owned(),
            places: 280,
            wage_fen: (Some(450_000), Some(600_050)),
            valid_until: Day::parse("2026-12-31").unwrap(),
            standing,
            posted_at: Day::parse("2026-02-10").unwrap().start(),
            updated_at: Day::parse("2026-04-01").unwrap().start(),
        }
    }

    #[test]
    fn a_closed_post_is_over_and_an_open_one_is_not() {
        let today = Day::parse("2026-06-01").unwrap();
        for (standing, over) in
            [(QuotaStanding::Open, false), (QuotaStanding::Withdrawn, true), (QuotaStanding::Filled, true)]
        {
            let posting = job_posting(&offer(standing), today);
            assert_eq!(posting.valid_through < today.start(), over, "{standing:?}");
        }
        let later = Day::parse("2027-01-01").unwrap();
        assert!(job_posting(&offer(QuotaStanding::Expired), later).valid_through < later.start());
    }

    #[test]
    fn place_and_wage_are_said_in_words_and_figures() {
        let posting = job_posting(&offer(QuotaStanding::Open), Day::parse("2026-06-01").unwrap());
        assert_eq!(posting.description, "普工，工作地点：浙江省金华市义乌市，招聘 280 人，月工资 4500–6000.50 元。");
        let value = posting.base_salary.unwrap().value;
        assert_eq!((value.min_value, value.max_value), (Some(4500.0), Some(6000.5)));
        let unsaid = Offer { wage_fen: (None, None), ..offer(QuotaStanding::Open) };
        assert_eq!(job_posting(&unsaid, Day::parse("2026-06-01").unwrap()).base_salary, None);
    }
}
