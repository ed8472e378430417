//! What can be put before the parties: every fault of a draft or of terms, with its place, all at once. Pure.

use std::collections::HashSet;

use super::requests::{NewAgreement, NewSignatory, PARTIES_MAX};
use super::rule_terms::{ArrivalMeaning, RetentionRule, RuleFault};
use super::{Indicator, PartyRole, PlaceCaps, Target, Terms};
use crate::db::{Day, Id};
use crate::error::{Code, Error, Fault, Faults, Result};
use crate::regions::current_fault;
use crate::workers::Population;

/// Most targets of one version.
pub const TARGETS_MAX: usize = 200;
/// Most regions with a cap of their own.
pub const REGION_CAPS_MAX: usize = 100;
/// Highest number of persons, person-times or places in terms.
pub const NUMBER_MAX: i64 = 10_000_000;
/// Fault code of an id that leads nowhere.
const REFERENCE_UNKNOWN: &str = "reference_unknown";

/// Checks a draft; `active` says whether a party is registered and active.
///
/// # Errors
/// [`Code::FieldInvalid`] with every fault, or [`Code::ReferenceUnknown`] when unknown parties are all that is wrong.
pub fn check_draft(draft: &NewAgreement, drafter: Id, active: impl Fn(Id) -> bool) -> Result<()> {
    let mut faults = Faults::new();
    faults.text("/number", &draft.number, 100);
    faults.text("/title", &draft.title, 200);
    faults.optional_text("/partner_ref", draft.partner_ref.as_deref(), 100);
    faults.require(
        draft.effective_to >= draft.effective_from,
        "/effective_to",
        "ends_before_it_begins",
        "must not lie before effective_from",
        "不得早于 effective_from",
    );
    check_parties(&mut faults, &draft.parties, drafter, active);
    check_terms(&mut faults, &draft.terms, (draft.effective_from, draft.effective_to));
    refuse(faults)
}

/// Checks the terms of an amendment together with the faults found in its day; `known_rules` are the retention rules of the versions that
/// were ratified before.
///
/// # Errors
/// [`Code::FieldInvalid`] with every fault.
pub fn check_amendment(
    terms: &Terms,
    reason: &str,
    term: (Day, Day),
    day_faults: Vec<Fault>,
    known_rules: &[RetentionRule],
) -> Result<()> {
    let mut faults = Faults::new();
    for fault in day_faults {
        faults.push(fault);
    }
    check_terms(&mut faults, terms, term);
    check_rule_id(&mut faults, &terms.retention, known_rules);
    faults.text("/reason", reason, 200);
    faults.check()
}

/// Every figure carries the id of the rule that made it, so one id stands for one rule for good.
fn check_rule_id(faults: &mut Faults, rule: &RetentionRule, known: &[RetentionRule]) {
    faults.require(
        !known.iter().any(|earlier| earlier.rule_id == rule.rule_id && earlier != rule),
        "/terms/retention/rule_id",
        "rule_id_taken",
        "stands for another rule in an earlier version; give the changed rule an id of its own",
        "该编号在此前版本中对应另一规则；修改规则须使用新的编号",
    );
}

fn refuse(faults: Faults) -> Result<()> {
    let faults = faults.into_inner();
    if faults.is_empty() {
        return Ok(());
    }
    let only_unknown = faults.iter().all(|fault| fault.code == REFERENCE_UNKNOWN);
    let code = if only_unknown { Code::ReferenceUnknown } else { Code::FieldInvalid };
    Err(Error::new(code).faults(faults))
}

fn check_parties(faults: &mut Faults, parties: &[NewSignatory], drafter: Id, active: impl Fn(Id) -> bool) {
    faults.require(
        (2..=PARTIES_MAX).contains(&parties.len()),
        "/parties",
        "party_count",
        "name 2 to 50 parties",
        "须有 2 至 50 个缔约方",
    );
    let mut seen = HashSet::new();
    for (place, party) in parties.iter().enumerate() {
        let pointer = format!("/parties/{place}/party_id");
        faults.require(
            seen.insert(party.party_id),
            &pointer,
            "party_repeated",
            "each party has one role; list it once",
            "每个缔约方只能列一次",
        );
        faults.require(
            active(party.party_id),
            &pointer,
            REFERENCE_UNKNOWN,
            "no active party has this id; ask the operator to register it",
            "没有此编号的有效单位，请由运营方登记",
        );
    }
    for (role, en, zh) in [
        (PartyRole::Origin, "name at least one origin", "至少须有一个输出地"),
        (PartyRole::Destination, "name at least one destination", "至少须有一个输入地"),
    ] {
        faults.require(parties.iter().any(|party| party.role == role), "/parties", "role_missing", en, zh);
    }
    faults.require(
        parties.iter().any(|party| party.party_id == drafter),
        "/parties",
        "drafter_missing",
        "your own party must be among the parties",
        "贵方须为缔约方之一",
    );
}

fn check_terms(faults: &mut Faults, terms: &Terms, term: (Day, Day)) {
    check_targets(faults, terms, term);
    add_rule_faults(faults, "/terms/arrival", terms.arrival.faults());
    faults.require(
        terms.arrival.meaning == ArrivalMeaning::Onboarded,
        "/terms/arrival/meaning",
        "meaning_not_offered",
        "the exchange does not yet record the handover at the destination; agree on onboarded, the acceptance by the employer",
        "平台暂不支持以抵达交接为到岗标准，请约定以用人单位接收上岗（onboarded）为准",
    );
    add_rule_faults(faults, "/terms/retention", terms.retention.faults());
    check_caps(faults, &terms.caps);
    range(faults, "/terms/hold_days", terms.hold_days, 365);
    range(faults, "/terms/deadlines/answer_days", terms.deadlines.answer_days, 90);
    range(faults, "/terms/deadlines/exit_days", terms.deadlines.exit_days, 90);
    range(faults, "/terms/deadlines/objection_days", terms.deadlines.objection_days, 90);
    if let Some(guarantee) = &terms.guarantee {
        add_rule_faults(faults, "/terms/guarantee", guarantee.faults());
    }
    faults.text("/terms/data_sharing/legal_basis", &terms.data_sharing.legal_basis, 200);
    faults.text("/terms/data_sharing/purpose", &terms.data_sharing.purpose, 200);
    range(faults, "/terms/data_sharing/retention_days", terms.data_sharing.retention_days, 3660);
    faults.optional_text("/terms/complaints_contact", terms.complaints_contact.as_deref(), 200);
}

fn range(faults: &mut Faults, pointer: &str, value: i64, highest: i64) {
    if !(1..=highest).contains(&value) {
        faults.push(
            Fault::body(
                pointer,
                "out_of_range",
                format!("must be from 1 to {highest}"),
                format!("须在 1 至 {highest} 之间"),
            )
            .param("minimum", 1)
            .param("maximum", highest),
        );
    }
}

fn add_rule_faults(faults: &mut Faults, pointer: &str, found: Vec<RuleFault>) {
    for fault in found {
        let place = format!("{pointer}{}", fault.pointer);
        faults.push(Fault::body(place, fault.code, fault.message_en, fault.message_zh));
    }
}

fn check_targets(faults: &mut Faults, terms: &Terms, term: (Day, Day)) {
    faults.require(
        terms.targets.len() <= TARGETS_MAX,
        "/terms/targets",
        "too_many",
        "at most 200 targets",
        "最多 200 项目标",
    );
    for (place, target) in terms.targets.iter().enumerate().take(TARGETS_MAX) {
        let pointer = format!("/terms/targets/{place}");
        check_plan_year(faults, &pointer, target, term);
        check_node(faults, &pointer, target, terms);
        range(faults, &format!("{pointer}/number"), target.number, NUMBER_MAX);
        let earlier = terms.targets.iter().take(place);
        faults.require(
            !earlier.clone().any(|other| same_measure(other, target)),
            &pointer,
            "target_repeated",
            "a target with the same plan year, indicator, node, population, scope and unit stands before it",
            "前面已有年度、指标、节点、人群、范围和单位都相同的目标",
        );
        if let Some(whole) =
            terms.targets.iter().find(|other| is_part_of(target, other) && target.number > other.number)
        {
            faults.push(
                Fault::body(
                    format!("{pointer}/number"),
                    "part_exceeds_whole",
                    format!("must not exceed {}, the target for the wider group", whole.number),
                    format!("不得超过其所属总目标 {}", whole.number),
                )
                .param("maximum", whole.number),
            );
        }
    }
}

fn check_plan_year(faults: &mut Faults, pointer: &str, target: &Target, (from, to): (Day, Day)) {
    let (first, last) = (from.year(), to.year());
    // A term that ends before it begins is a fault of its own; every year would be outside it.
    if first <= last && !(first..=last).contains(&target.plan_year) {
        faults.push(
            Fault::body(
                format!("{pointer}/plan_year"),
                "outside_term",
                format!("must be a year of the term, {first} to {last}"),
                format!("须为协议有效期内的年度（{first} 至 {last}）"),
            )
            .param("minimum", first)
            .param("maximum", last),
        );
    }
}

fn check_node(faults: &mut Faults, pointer: &str, target: &Target, terms: &Terms) {
    let pointer = format!("{pointer}/node");
    match (target.indicator, target.node) {
        (Indicator::Retained, None) => faults.push(Fault::body(
            pointer,
            "node_missing",
            "say at which node of the retention rule the persons are counted",
            "请注明按稳岗规则的哪个节点计数",
        )),
        (Indicator::Retained, Some(node)) => faults.require(
            terms.retention.nodes.contains(&node),
            &pointer,
            "node_unknown",
            "must be one of the nodes of the retention rule",
            "须为稳岗规则所列节点之一",
        ),
        (Indicator::Dispatched | Indicator::Onboarded, Some(_)) => faults.push(Fault::body(
            pointer,
            "node_not_allowed",
            "only a target for retained persons has a node",
            "只有稳岗目标才有节点",
        )),
        (Indicator::Dispatched | Indicator::Onboarded, None) => {}
    }
}

fn same_measure(left: &Target, right: &Target) -> bool {
    (left.plan_year, left.indicator, left.node, left.population, left.scope, left.unit)
        == (right.plan_year, right.indicator, right.node, right.population, right.scope, right.unit)
}

/// Whether everybody whom `part` counts is counted by `whole` too (其中); persons and person-times are never compared.
fn is_part_of(part: &Target, whole: &Target) -> bool {
    let same = (part.plan_year, part.indicator, part.node, part.unit)
        == (whole.plan_year, whole.indicator, whole.node, whole.unit);
    let wider_scope = whole.scope.is_none() || whole.scope == part.scope;
    let wider_population = match whole.population {
        Population::All => true,
        Population::Lifted => part.population != Population::All,
        Population::Monitored => part.population == Population::Monitored,
    };
    same && wider_scope && wider_population && !same_measure(part, whole)
}

fn check_caps(faults: &mut Faults, caps: &PlaceCaps) {
    if let Some(places) = caps.agreement {
        range(faults, "/terms/caps/agreement", places, NUMBER_MAX);
    }
    faults.require(
        caps.regions.len() <= REGION_CAPS_MAX,
        "/terms/caps/regions",
        "too_many",
        "at most 100 regions",
        "最多 100 个地区",
    );
    let mut seen = HashSet::new();
    for (place, cap) in caps.regions.iter().enumerate().take(REGION_CAPS_MAX) {
        let pointer = format!("/terms/caps/regions/{place}");
        range(faults, &format!("{pointer}/places"), cap.places, NUMBER_MAX);
        let code = format!("{pointer}/region_code");
        faults.add(current_fault(&code, cap.region_code));
        faults.require(
            seen.insert(cap.region_code),
            &code,
            "region_repeated",
            "each region has one cap",
            "每个地区只能设一个上限",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::rule_terms::RetentionNode;
    use super::super::rules::tests::sample_terms;
    use super::super::{AgreementKind, RegionCap, Unit};
    use super::*;
    use crate::error::Place;
    use crate::regions::{RegionCode, Scope};

    const DRAFTER: Id = Id(uuid::Uuid::from_u128(1));
    const PARTNER: Id = Id(uuid::Uuid::from_u128(2));

    fn draft() -> NewAgreement {
        NewAgreement {
            number: "SY-YW-2026-01".to_owned(),
            title: "邵阳县—义乌市劳务协作协议".to_owned(),
            kind: AgreementKind::InterProvincial,
            effective_from: Day::parse("2026-01-01").unwrap(),
            effective_to: Day::parse("2027-12-31").unwrap(),
            partner_ref: None,
            parties: vec![
                NewSignatory { party_id: DRAFTER, role: PartyRole::Origin },
                NewSignatory { party_id: PARTNER, role: PartyRole::Destination },
            ],
            terms: sample_terms(),
        }
    }

    fn target(population: Population, scope: Option<Scope>, unit: Unit, number: i64) -> Target {
        Target { plan_year: 2026, indicator: Indicator::Dispatched, node: None, population, scope, unit, number }
    }

    /// Pointer and code of every fault of the draft after `change`.
    fn faults_after(change: impl FnOnce(&mut NewAgreement)) -> Vec<(String, &'static str)> {
        let mut draft = draft();
        change(&mut draft);
        let faults =
            check_draft(&draft, DRAFTER, |id| id != Id::NIL).map_or_else(|error| error.faults, |()| Vec::new());
        let place = |fault: Fault| match fault.place {
            Place::Body { pointer } => (pointer, fault.code),
            Place::Parameter { name, .. } => (name, fault.code),
        };
        faults.into_iter().map(place).collect()
    }

    fn assert_faults(found: Vec<(String, &'static str)>, expected: &[(&str, &'static str)]) {
        let expected: Vec<_> = expected.iter().map(|(pointer, code)| ((*pointer).to_owned(), *code)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn what_two_counties_really_write_can_be_proposed() {
        assert_faults(faults_after(|_| {}), &[]);
        assert_faults(faults_after(|draft| draft.terms.targets.clear()), &[]);
        assert_faults(faults_after(|draft| draft.effective_to = draft.effective_from), &[]);
    }

    #[test]
    fn an_agreement_has_an_origin_a_destination_and_its_drafter_each_once() {
        assert_faults(
            faults_after(|draft| draft.parties.truncate(1)),
            &[("#/parties", "party_count"), ("#/parties", "role_missing")],
        );
        assert_faults(
            faults_after(|draft| draft.parties[1].role = PartyRole::Station),
            &[("#/parties", "role_missing")],
        );
        assert_faults(
            faults_after(|draft| draft.parties[1].party_id = DRAFTER),
            &[("#/parties/1/party_id", "party_repeated")],
        );
        assert_faults(faults_after(|draft| draft.parties[0].party_id = Id::new()), &[("#/parties", "drafter_missing")]);
        assert_faults(
            faults_after(|draft| draft.parties[1].party_id = Id::NIL),
            &[("#/parties/1/party_id", "reference_unknown")],
        );
        let many = |draft: &mut NewAgreement| {
            draft.parties.extend((0..49).map(|_| NewSignatory { party_id: Id::new(), role: PartyRole::Origin }));
        };
        assert_faults(faults_after(many), &[("#/parties", "party_count")]);
    }

    #[test]
    fn a_term_ends_after_it_begins_and_the_years_of_targets_lie_in_it() {
        assert_faults(
            faults_after(|draft| draft.effective_to = Day::parse("2025-12-31").unwrap()),
            &[("#/effective_to", "ends_before_it_begins")],
        );
        for (year, expected) in [(2025, true), (2026, false), (2027, false), (2028, true)] {
            let found = faults_after(|draft| draft.terms.targets[1].plan_year = year);
            assert_eq!(!found.is_empty(), expected, "{year}: {found:?}");
        }
    }

    #[test]
    fn a_target_for_retained_persons_names_a_node_of_the_rule_and_no_other_target_does() {
        assert_faults(
            faults_after(|draft| draft.terms.targets[1].node = None),
            &[("#/terms/targets/1/node", "node_missing")],
        );
        assert_faults(
            faults_after(|draft| draft.terms.targets[1].node = Some(RetentionNode::months(3))),
            &[("#/terms/targets/1/node", "node_unknown")],
        );
        assert_faults(
            faults_after(|draft| draft.terms.targets[0].node = Some(RetentionNode::days(90))),
            &[("#/terms/targets/0/node", "node_not_allowed")],
        );
    }

    #[test]
    fn the_same_measure_has_one_target_and_persons_are_no_person_times() {
        use Population::All;
        let pair = |first: Target, second: Target| faults_after(|draft| draft.terms.targets = vec![first, second]);
        let repeated = &[("#/terms/targets/1", "target_repeated")];
        assert_faults(pair(target(All, None, Unit::Person, 5), target(All, None, Unit::Person, 6)), repeated);
        assert_faults(pair(target(All, None, Unit::Person, 5), target(All, None, Unit::PersonTime, 6)), &[]);
        let next_year = Target { plan_year: 2027, ..target(All, None, Unit::Person, 6) };
        assert_faults(pair(target(All, None, Unit::Person, 5), next_year), &[]);
    }

    #[test]
    fn a_part_never_exceeds_its_whole() {
        use Population::{All, Lifted, Monitored};
        let outside = Some(Scope::OutsideProvince);
        let county = Some(Scope::InsideCounty);
        // (whole, part, whether a greater part is a fault)
        let table = [
            ((All, None), (Lifted, None), true),
            ((All, None), (Monitored, None), true),
            ((Lifted, None), (Monitored, None), true),
            ((All, None), (All, outside), true),
            ((All, outside), (Monitored, outside), true),
            ((All, outside), (Lifted, county), false),
            ((All, outside), (Lifted, None), false),
            ((Monitored, None), (Lifted, None), false),
            ((Lifted, None), (All, outside), false),
        ];
        for (whole, part, exceeds) in table {
            let targets = |unit| vec![target(whole.0, whole.1, Unit::Person, 100), target(part.0, part.1, unit, 101)];
            let expected: &[(&str, &str)] =
                if exceeds { &[("#/terms/targets/1/number", "part_exceeds_whole")] } else { &[] };
            assert_faults(faults_after(|draft| draft.terms.targets = targets(Unit::Person)), expected);
            assert_faults(faults_after(|draft| draft.terms.targets = targets(Unit::PersonTime)), &[]);
        }
    }

    #[test]
    fn numbers_lie_in_their_ranges() {
        type Change = fn(&mut Terms, i64);
        let table: [(&str, i64, Change); 8] = [
            ("#/terms/targets/0/number", NUMBER_MAX, |terms, value| terms.targets[0].number = value),
            ("#/terms/caps/agreement", NUMBER_MAX, |terms, value| terms.caps.agreement = Some(value)),
            ("#/terms/caps/regions/0/places", NUMBER_MAX, |terms, value| {
                let region_code: RegionCode = "330782".parse().unwrap();
                terms.caps.regions = vec![RegionCap { region_code, places: value }];
            }),
            ("#/terms/hold_days", 365, |terms, value| terms.hold_days = value),
            ("#/terms/deadlines/answer_days", 90, |terms, value| terms.deadlines.answer_days = value),
            ("#/terms/deadlines/exit_days", 90, |terms, value| terms.deadlines.exit_days = value),
            ("#/terms/deadlines/objection_days", 90, |terms, value| terms.deadlines.objection_days = value),
            ("#/terms/data_sharing/retention_days", 3660, |terms, value| terms.data_sharing.retention_days = value),
        ];
        for (pointer, highest, change) in table {
            for (value, fault) in [(0, true), (1, false), (highest, false), (highest + 1, true), (i64::MIN, true)] {
                let found = faults_after(|draft| change(&mut draft.terms, value));
                let expected: &[(&str, &str)] = if fault { &[(pointer, "out_of_range")] } else { &[] };
                assert_faults(found, expected);
            }
        }
    }

    #[test]
    fn each_region_has_one_cap_and_a_code_of_today() {
        let caps = |codes: &[&str]| {
            let region = |code: &&str| RegionCap { region_code: code.parse().unwrap(), places: 10 };
            let regions = codes.iter().map(region).collect();
            faults_after(|draft| draft.terms.caps.regions = regions)
        };
        assert_faults(caps(&["330782", "330481"]), &[]);
        assert_faults(caps(&["330782", "330782"]), &[("#/terms/caps/regions/1/region_code", "region_repeated")]);
        assert_faults(caps(&["432621"]), &[("#/terms/caps/regions/0/region_code", "region_historic")]);
    }

    #[test]
    fn lists_are_bounded() {
        let many = |draft: &mut NewAgreement| {
            draft.terms.targets =
                (0..201).map(|number| target(Population::All, None, Unit::Person, number + 1)).collect();
        };
        assert!(faults_after(many).contains(&("#/terms/targets".to_owned(), "too_many")));
    }
}
