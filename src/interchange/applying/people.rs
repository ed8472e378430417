//! Lists of people become workers of the sender's register and, with a dispatch named, rows of its roster.

use std::collections::HashMap;

use super::{Became, Step, persons};
use crate::agreements;
use crate::db::{Day, DbConnection, Id};
use crate::dispatches::enrolment::enrol_roster;
use crate::dispatches::roster::RosterRow;
use crate::error::{Error, Result};
use crate::http::extract::IfMatch;
use crate::http::receipt::RowStatus;
use crate::interchange::finding::{Finding, FindingSeverity};
use crate::interchange::layouts::fields::Field;
use crate::interchange::record::Record;
use crate::interchange::store::rows::OpenRow;
use crate::parties::store::party;
use crate::quotas::store::{OfferedPost, offered_posts};
use crate::regions::RegionCode;
use crate::seal::Sensitive;
use crate::workers::registration::Batch;
use crate::workers::store::register::{self, Known};
use crate::workers::{GroupCode, GroupMembership, NewWorker, sealing};

pub(super) fn register(connection: &mut DbConnection, step: &Step<'_>, rows: &[&OpenRow]) -> Result<Vec<Became>> {
    let own_county = party(connection, step.actor.scope.party_id)?.region_code;
    let known = known(connection, step, rows)?;
    let mut told: Vec<Vec<Finding>> = Vec::with_capacity(rows.len());
    let mut workers = Vec::with_capacity(rows.len());
    for (row, known) in rows.iter().zip(&known) {
        let mut findings = Vec::new();
        workers.push(worker(step, &row.content.record, known.as_ref(), own_county, &mut findings));
        told.push(findings);
    }
    let (keys, today) = (step.tools.keys, step.actor.now.day());
    let batch = Batch::read(keys, step.actor.scope.party_id, &workers, today)?;
    let known = batch.look_up(connection)?;
    let registered = batch.plan(keys, known)?.commit_rows(connection, keys, &step.actor)?;
    let mut became: Vec<Became> =
        registered.into_iter().zip(told).map(|((_, result), told)| Became { told, ..Became::of(result) }).collect();
    if let Some(dispatch_id) = step.import.options.dispatch_id {
        enrol(connection, step, dispatch_id, rows, &mut became)?;
    }
    Ok(became)
}

/// What the register holds of each row's person.
fn known(connection: &mut DbConnection, step: &Step<'_>, rows: &[&OpenRow]) -> Result<Vec<Option<Known>>> {
    let party_id = step.actor.scope.party_id;
    let numbers: Vec<Option<[u8; 32]>> = rows
        .iter()
        .map(|row| {
            let (_, number) = persons::person(step, &row.content.record)?;
            Some(sealing::identity_index(step.tools.keys, party_id, &number))
        })
        .collect();
    let wanted = numbers.iter().map(|number| (number.unwrap_or_default(), None));
    Ok(register::known(connection, party_id, wanted)?.into_iter().map(Some).collect())
}

/// A row as the register takes it. What a file does not say about a person the register knows stays as it is.
fn worker(
    step: &Step<'_>,
    record: &Record,
    known: Option<&Known>,
    own_county: Option<RegionCode>,
    told: &mut Vec<Finding>,
) -> NewWorker {
    let held = known.and_then(|known| known.worker.as_ref());
    let named = record.place(Field::HukouAddress).filter(|(_, is_complete)| *is_complete).map(|(code, _)| code);
    let hukou_code = named.or(held.map(|worker| worker.hukou_code)).or(own_county);
    if named.is_none() && held.is_none() && own_county.is_some() {
        told.push(Finding::of_row(
            FindingSeverity::Notice,
            "hukou_of_sender",
            "names no county of registration; taken as the sender's own",
            "未写明户籍所在县，按本县登记",
        ));
    }
    let sensitive = |field| record.text(field).map(|text| Sensitive::new(text.to_owned()));
    NewWorker {
        name: sensitive(Field::Name).unwrap_or_else(|| Sensitive::new(String::new())),
        identity_number: sensitive(Field::IdentityNumber).unwrap_or_else(|| Sensitive::new(String::new())),
        phone: sensitive(Field::Phone),
        hukou_code: hukou_code.map(|code| code.to_string()).unwrap_or_default(),
        partner_ref: record.text(Field::PersonNumber).map(ToOwned::to_owned),
        groups: groups(record, step.import.options.list_date, held.map(|worker| worker.groups.as_slice()), told),
    }
}

/// The list a person is on, from the day of the list; not where the register has it already.
fn groups(
    record: &Record,
    list_date: Option<Day>,
    held: Option<&[GroupMembership]>,
    told: &mut Vec<Finding>,
) -> Vec<GroupMembership> {
    let Some(group_code) = group_of(record) else { return Vec::new() };
    let Some(valid_from) = list_date else {
        told.push(Finding::of_row(
            FindingSeverity::Notice,
            "group_not_taken",
            "the group is not taken, because the day of the list is not known; send list_date",
            "未注明名单日期（list_date），人员类别未采用",
        ));
        return Vec::new();
    };
    let holds = |group: &GroupMembership| {
        group.group_code == group_code
            && group.valid_from <= valid_from
            && group.valid_to.is_none_or(|last| last >= valid_from)
    };
    if held.unwrap_or_default().iter().any(holds) {
        return Vec::new();
    }
    vec![GroupMembership { group_code, valid_from, valid_to: None, source: "导入名单".to_owned() }]
}

fn group_of(record: &Record) -> Option<GroupCode> {
    let words = record.text(Field::MonitoredCategory).or(record.text(Field::HouseholdType)).unwrap_or_default();
    let kinds = [
        ("脱贫不稳定", GroupCode::UnstableLifted),
        ("边缘易致贫", GroupCode::Marginal),
        ("突发严重困难", GroupCode::SuddenHardship),
        ("脱贫", GroupCode::Lifted),
        ("建档立卡", GroupCode::Lifted),
    ];
    let named = kinds.iter().find(|(word, _)| words.contains(word)).map(|(_, group)| *group);
    named.or((record.flag(Field::IsPoor) == Some(true)).then_some(GroupCode::Lifted))
}

/// Puts the people who are registered on the roster of a dispatch.
fn enrol(
    connection: &mut DbConnection,
    step: &Step<'_>,
    dispatch_id: Id,
    rows: &[&OpenRow],
    became: &mut [Became],
) -> Result<()> {
    let agreement_id = step.agreement_id()?;
    agreements::store::role(connection, &step.actor.scope, agreement_id)?;
    let posts = offered_posts(connection, agreement_id)?;
    let mut by_name: HashMap<(&str, &str), Vec<&OfferedPost>> = HashMap::new();
    for post in &posts {
        by_name.entry((post.employer_name.as_str(), post.post_title.as_str())).or_default().push(post);
    }
    let mut places = Vec::new();
    let mut roster = Vec::new();
    for (place, (row, became)) in rows.iter().zip(became.iter_mut()).enumerate() {
        let Ok((_, worker_id)) = became.result else { continue };
        let named = |quota_id, quota_ref| RosterRow {
            worker_id: Some(worker_id),
            worker_ref: None,
            quota_id,
            quota_ref,
            starts_on: None,
            partner_ref: None,
            consent_recorded: None,
        };
        let record = &row.content.record;
        let quota = step.import.options.quota_id;
        let reference = record.text(Field::Reference).map(ToOwned::to_owned);
        if quota.is_some() || reference.is_some() {
            places.push(place);
            roster.push(named(quota, reference.filter(|_| quota.is_none())));
            continue;
        }
        let key =
            (record.text(Field::EmployerName).unwrap_or_default(), record.text(Field::PostTitle).unwrap_or_default());
        match by_name.get(&key).map(Vec::as_slice) {
            Some([post]) => {
                places.push(place);
                roster.push(named(Some(post.quota_id), None));
            }
            found => became.result = Err(vec![no_single_quota(found.is_some())]),
        }
    }
    if roster.is_empty() {
        return Ok(());
    }
    let results =
        enrol_roster(connection, &step.actor, step.tools.keys, (agreement_id, dispatch_id), IfMatch(None), &roster)?;
    for (place, result) in places.into_iter().zip(results) {
        if let Some(became) = became.get_mut(place) {
            let registered = matches!(became.result, Ok((RowStatus::Accepted, _)));
            became.result = result.map_err(|error: Error| Finding::of_error(&error));
            if registered && became.result.is_err() {
                let (en, zh) = ("the person is registered all the same", "该人员已登记入册，但未列入输送名单");
                became.told.push(Finding::of_row(FindingSeverity::Notice, "worker_registered", en, zh));
            }
        }
    }
    Ok(())
}

fn no_single_quota(several: bool) -> Finding {
    if several {
        return Finding::of_row(
            FindingSeverity::Error,
            "quota_ambiguous",
            "the employer offers this post more than once; name the quota by its reference (岗位编号) or send quota_id",
            "该单位有多个同名岗位名额，请填写岗位编号或注明 quota_id",
        );
    }
    Finding::of_row(
        FindingSeverity::Error,
        "quota_unknown",
        "no published quota of the agreement has this employer and post; compare both with the published ones, or send quota_id",
        "协议下没有该单位该岗位的已发布名额，请核对单位与岗位名称，或注明 quota_id",
    )
}
