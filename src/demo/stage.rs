//! Setting the stage: parties with their clients, agreements ratified by every side, places, and the people who will be sent.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::exchange::{Exchange, Participant, Who, text};
use super::people::{Person, SPOILT, Village, spoilt};
use super::plan::{self, AGREEMENTS, AgreementPlan, DEPARTURES, EmployerPlan, Fate, Licence, ORIGIN};
use crate::error::{Error, Result};
use crate::identity::client_key::ClientKey;
use crate::parties::credit_code::{CreditCode, CreditCodeCheck};
use crate::regions::Scope;

/// The seed of everybody in the demonstration.
const SEED: u64 = 20_211_108;
/// The terms' first and last day.
const TERM: (&str, &str) = ("2021-01-01", "2023-12-31");

/// Somebody with a place in the plan.
#[derive(Debug, Clone)]
pub struct Seat {
    /// Who.
    pub person: Person,
    /// What becomes of the person.
    pub fate: Fate,
    /// Which employer of the agreement.
    pub employer: usize,
    /// With which departure.
    pub wave: usize,
    /// The placement, once there is one.
    pub placement: Option<String>,
}

/// An employer under an agreement.
#[derive(Debug)]
pub struct Hired {
    /// It takes part.
    pub who: Who,
    /// The party.
    pub party_id: String,
    /// Reference of its quota.
    pub quota_ref: String,
}

/// An agreement on the stage.
#[derive(Debug)]
pub struct Signed {
    /// The plan.
    pub plan: &'static AgreementPlan,
    /// Its id.
    pub id: String,
    /// The destination.
    pub destination: Who,
    /// The origin's station there.
    pub station: Option<Who>,
    /// Its employers.
    pub employers: Vec<Hired>,
    /// Who is sent.
    pub seats: Vec<Seat>,
}

impl Signed {
    /// Address of something of this agreement.
    #[must_use]
    pub fn path(&self, rest: &str) -> String {
        format!("/v1/agreements/{}/{rest}", self.id)
    }

    /// An employer by its number in the plan.
    ///
    /// # Errors
    /// [`crate::error::Code::InternalError`] for a number the plan does not have.
    pub fn employer(&self, number: usize) -> Result<&Hired> {
        self.employers.get(number).ok_or_else(|| Error::internal("the plan has no such employer"))
    }
}

/// Everything on the stage.
#[derive(Debug)]
pub struct Stage {
    /// The operator.
    pub operator: Who,
    /// The origin.
    pub origin: Who,
    /// The seven agreements.
    pub agreements: Vec<Signed>,
    /// Children whom somebody will put on a roster.
    pub children: Vec<Person>,
    /// People for whom 望城 has no place.
    pub beyond_places: Vec<Person>,
    /// People whom nobody sends and an employer will claim.
    pub padded: Vec<Person>,
    /// Employers without a credit code, or with one that does not fit.
    pub employers_in_doubt: usize,
}

/// Registers a party with a client over HTTP, as the operator does; gives the party as it was answered.
async fn register(exchange: &mut Exchange, operator: Who, new: Value) -> Result<(Who, Value)> {
    let party = exchange.post(operator, "/v1/parties", &new).await?;
    let (party_id, name) = (text(&party, "/id")?, text(&party, "/name")?);
    let key = ClientKey::generate().map_err(Error::internal)?;
    let new = json!({ "party_id": party_id, "name": format!("{name}业务系统"), "public_key": key.public().to_jwk() });
    let client = exchange.post(operator, "/v1/clients", &new).await?;
    let client_id: Uuid = text(&client, "/id")?.parse().map_err(Error::internal)?;
    Ok((exchange.join(Participant::new(name, party_id, client_id, key)), party))
}

/// A made-up code that fits: the check character is found by trying, because a code may be written with any.
fn credit_code(region: &str, number: usize, licence: Licence) -> Option<String> {
    const CHECKS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let body = format!("91{region}MA0000{number:03}");
    let fits = |check: &char| {
        let code = CreditCode::parse(&format!("{body}{check}"));
        code.is_ok_and(|code| (code.check() == CreditCodeCheck::Ok) == (licence == Licence::Fits))
    };
    let check = CHECKS.chars().find(fits)?;
    (licence != Licence::Unknown).then(|| format!("{body}{check}"))
}

/// Builds everything up to the first departure.
///
/// # Errors
/// Whatever the exchange refuses.
pub async fn build(exchange: &mut Exchange, operator: Who) -> Result<Stage> {
    let county = json!({ "name": ORIGIN, "kind": "authority", "region_code": super::people::HUKOU });
    let (origin, _) = register(exchange, operator, county).await?;
    let mut stage = Stage {
        operator,
        origin,
        agreements: Vec::new(),
        children: Vec::new(),
        beyond_places: Vec::new(),
        padded: Vec::new(),
        employers_in_doubt: 0,
    };
    for plan in &AGREEMENTS {
        let signed = sign(exchange, &mut stage, plan).await?;
        stage.agreements.push(signed);
    }
    Ok(stage)
}

async fn sign(exchange: &mut Exchange, stage: &mut Stage, plan: &'static AgreementPlan) -> Result<Signed> {
    let zone = match plan.zone {
        Some(name) => {
            let zone = json!({ "name": name, "host_code": plan.region });
            Some(text(&exchange.post(stage.operator, "/v1/zones", &zone).await?, "/id")?)
        }
        None => None,
    };
    let authority = match &zone {
        Some(zone) => json!({ "name": plan.authority, "kind": "authority", "zone_id": zone }),
        None => json!({ "name": plan.authority, "kind": "authority", "region_code": plan.region }),
    };
    let (destination, _) = register(exchange, stage.operator, authority).await?;
    let station = match plan.station {
        Some(name) => {
            let new = json!({ "name": name, "kind": "station", "region_code": plan.region });
            Some(register_station(exchange, stage.operator, new).await?)
        }
        None => None,
    };
    let id = ratify(exchange, stage.origin, destination, station, plan).await?;
    let mut signed = Signed { plan, id, destination, station, employers: Vec::new(), seats: seats(plan) };
    for (number, employer) in plan.employers.iter().enumerate() {
        let hired = hire(exchange, stage, &signed, zone.as_deref(), (number, employer)).await?;
        signed.employers.push(hired);
    }
    Ok(signed)
}

/// A station ratifies too, for which its client needs one scope more than usual.
async fn register_station(exchange: &mut Exchange, operator: Who, new: Value) -> Result<Who> {
    let party = exchange.post(operator, "/v1/parties", &new).await?;
    let (party_id, name) = (text(&party, "/id")?, text(&party, "/name")?);
    let key = ClientKey::generate().map_err(Error::internal)?;
    let scopes = ["parties.read", "agreements.read", "agreements.write", "arrivals.write", "retention.write"];
    let jwk = key.public().to_jwk();
    let new = json!({ "party_id": party_id, "name": "服务站手机端", "scopes": scopes, "public_key": jwk });
    let client = exchange.post(operator, "/v1/clients", &new).await?;
    let client_id: Uuid = text(&client, "/id")?.parse().map_err(Error::internal)?;
    Ok(exchange.join(Participant::new(name, party_id, client_id, key)))
}

fn terms(plan: &AgreementPlan) -> Value {
    let target = |indicator: &str, population: &str, unit: &str, number: i64| json!({ "plan_year": 2021, "indicator": indicator, "population": population, "scope": plan.scope, "unit": unit, "number": number });
    let mut retained = target("retained", "all", "person", (plan.target * 9 / 10).max(1));
    if let Some(object) = retained.as_object_mut() {
        object.insert("node".to_owned(), json!({ "unit": "days", "length": 90 }));
    }
    json!({
        "targets": [
            target("onboarded", "all", "person", plan.target),
            target("onboarded", "lifted", "person", (plan.target / 10).max(1)),
            target("dispatched", "all", "person_time", plan.target),
            retained,
        ],
        "arrival": { "meaning": "onboarded", "window_days": 14, "minimum_evidence": "e2" },
        "retention": {
            "rule_id": "stay_90d_continuous", "continuity": "continuous", "allowed_gap_days": 15, "employer_scope": "same_region",
            "start_basis": "onboarded_day", "minimum_evidence": "e2", "monthly_wage_floor_fen": null, "evidence_valid_days": 45,
        },
        "attribution": "earliest_confirmed_arrival",
        // The reports of that year tell of no guarantee.
        "guarantee": { "window_days": 0 },
        "hold_days": 30,
        "deadlines": { "answer_days": 14, "exit_days": 7 },
        "data_sharing": {
            "legal_basis": "就业促进法第三十五条；本协议第六条", "purpose": "抵达交接与稳岗跟踪", "retention_days": 1095,
        },
        "complaints_contact": "12333",
    })
}

/// Draft, proposal, and every side's yes to the digest of the bytes it has read.
async fn ratify(
    exchange: &mut Exchange,
    origin: Who,
    destination: Who,
    station: Option<Who>,
    plan: &AgreementPlan,
) -> Result<String> {
    let mut sides = vec![(origin, "origin"), (destination, "destination")];
    sides.extend(station.map(|station| (station, "station")));
    let mut parties = Vec::with_capacity(sides.len());
    for (who, role) in &sides {
        parties.push(json!({ "party_id": exchange.participant(*who)?.party_id, "role": role }));
    }
    let draft = json!({
        "number": format!("SY-{}-2021-01", plan.key), "title": format!("邵阳县—{}劳务协作协议", plan.place), "kind": plan.kind,
        "effective_from": TERM.0, "effective_to": TERM.1, "parties": parties, "terms": terms(plan),
    });
    let id = text(&exchange.post(origin, "/v1/agreements", &draft).await?, "/id")?;
    exchange.post(origin, &format!("/v1/agreements/{id}/proposal"), &json!({})).await?;
    for (who, _) in sides {
        let digest = text(&exchange.get(who, &format!("/v1/agreements/{id}")).await?, "/current/digest")?;
        exchange.post(who, &format!("/v1/agreements/{id}/ratification"), &json!({ "digest": digest })).await?;
    }
    Ok(id)
}

/// The people of an agreement, spread over employers and departures; the special ones leave first, so that their year is complete.
fn seats(plan: &'static AgreementPlan) -> Vec<Seat> {
    let rosters = plan.rosters();
    let (count, employers) = (rosters.len().max(1), plan.employers.len().max(1));
    // Each agreement has a village of its own order in the county; references stay unique because people are numbered later.
    let seat = |(number, fate): (usize, Fate)| Seat {
        person: Person::nobody(),
        fate,
        employer: number % employers,
        wave: number * DEPARTURES.len() / count,
        placement: None,
    };
    rosters.into_iter().enumerate().map(seat).collect()
}

async fn hire(
    exchange: &mut Exchange,
    stage: &mut Stage,
    signed: &Signed,
    zone: Option<&str>,
    (number, employer): (usize, &EmployerPlan),
) -> Result<Hired> {
    let plan = signed.plan;
    let code = credit_code(plan.region, stage.agreements.len() * 10 + number + 1, employer.licence);
    let mut new = json!({ "name": employer.name, "kind": "employer", "region_code": plan.region });
    if let (Some(code), Some(object)) = (code, new.as_object_mut()) {
        object.insert("credit_code".to_owned(), json!(code));
    }
    let (who, party) = register(exchange, stage.operator, new).await?;
    let fits = party.pointer("/credit_code_check/result").and_then(Value::as_str) == Some("ok");
    stage.employers_in_doubt += usize::from(!fits);
    let party_id = text(&party, "/id")?;
    let mut by_wave: BTreeMap<usize, usize> = BTreeMap::new();
    for seat in signed.seats.iter().filter(|seat| seat.employer == number) {
        *by_wave.entry(seat.wave).or_default() += 1;
    }
    let needed: usize = by_wave.values().sum();
    let asked = needed + if plan.cohorts { 0 } else { plan.spare_places.max(20) };
    let quota_ref = format!("{}-2021-{:02}", plan.key, number + 1);
    let cohorts: Vec<Value> = by_wave
        .iter()
        .filter(|_| plan.cohorts)
        .filter_map(|(wave, places)| Some(json!({ "starts_on": DEPARTURES.get(*wave)?, "places": places })))
        .collect();
    let request = json!({
        "employer_id": party_id, "post_title": employer.post, "region_code": plan.region, "zone_id": zone, "requested_places": asked,
        "monthly_wage_min_fen": employer.wage.0 * 100, "monthly_wage_max_fen": employer.wage.1 * 100, "valid_until": "2021-12-31",
        "cohorts": cohorts, "partner_ref": quota_ref,
    });
    let quota = exchange.post(signed.destination, &signed.path("quotas"), &request).await?;
    let publication = signed.path(&format!("quotas/{}/publication", text(&quota, "/id")?));
    let in_part = plan.spare_places == 0 && !plan.cohorts;
    let approval = if in_part {
        json!({ "approved_places": needed, "reason": "宿舍床位不足" })
    } else {
        json!({ "approved_places": asked })
    };
    exchange.post(signed.destination, &publication, &approval).await?;
    Ok(Hired { who, party_id, quota_ref })
}

/// Registers everybody, and a few whose numbers were spoilt on the way; gives how many were taken.
///
/// # Errors
/// Whatever the exchange refuses.
pub async fn populate(exchange: &mut Exchange, stage: &mut Stage) -> Result<usize> {
    let mut village = Village::new(SEED);
    let mut rows = Vec::new();
    for seat in stage.agreements.iter_mut().flat_map(|signed| &mut signed.seats) {
        seat.person = village.worker();
        rows.push(seat.person.registration());
    }
    stage.beyond_places = village.workers(plan::BEYOND_PLACES);
    stage.children = (0..plan::CHILDREN).map(|_| village.child()).collect();
    rows.extend(stage.beyond_places.iter().chain(&stage.children).map(Person::registration));
    for (way, _) in SPOILT {
        for person in village.workers(plan::SPOILT_EACH) {
            let identity_number = spoilt(&person.identity_number, way);
            rows.push(Person { identity_number, ..person }.registration());
        }
    }
    stage.padded = village.workers(plan::PADDED_HEADS);
    let ids = exchange.rows("registration", stage.origin, "/v1/worker-batches", &rows).await?;
    Ok(ids.into_iter().flatten().count())
}

/// The people of a scope, for what is said in the end.
#[must_use]
pub fn of_scope(stage: &Stage, scope: Scope) -> Vec<&Signed> {
    stage.agreements.iter().filter(|signed| signed.plan.named && signed.plan.scope == scope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_credit_codes_fit_or_are_in_doubt_as_planned() {
        let code = |licence| credit_code("330782", 1, licence).map(|code| CreditCode::parse(&code).unwrap().check());
        assert_eq!(code(Licence::Unknown), None);
        assert_eq!(code(Licence::Fits), Some(CreditCodeCheck::Ok));
        assert!(matches!(code(Licence::Doubtful), Some(CreditCodeCheck::Warning(_))));
    }

    #[test]
    fn everybody_has_a_seat_and_those_whose_year_is_eventful_leave_first() {
        for plan in &AGREEMENTS {
            let seats = seats(plan);
            assert_eq!(seats.len(), plan.rosters().len());
            let eventful = seats.iter().filter(|seat| seat.fate != Fate::Stays);
            assert!(eventful.into_iter().all(|seat| seat.wave == 0), "{}", plan.place);
            assert!((0..4).all(|wave| seats.iter().any(|seat| seat.wave == wave)), "{}", plan.place);
        }
    }
}
