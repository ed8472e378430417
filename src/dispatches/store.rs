//! Queries of dispatches and placements.

pub mod lists;
pub mod returns;

use std::collections::BTreeSet;

use diesel::prelude::*;

use super::{
    Dispatch, DispatchAction, DispatchState, Leader, NewDispatch, Placement, PlacementState, Rescheduling, TRANSITIONS,
};
use crate::agreements;
use crate::db::schema::{dispatch, placement};
use crate::db::{Day, DbConnection, Id, Instant, RowSet, statement};
use crate::error::{Code, Error, Result};
use crate::events::Actor;
use crate::identity::Scope;
use crate::lifecycle;
use crate::seal::{KeyRing, Place, Sensitive};

/// Writes a new dispatch; the leader is sealed.
pub fn insert(
    connection: &mut DbConnection,
    actor: &Actor,
    keys: &KeyRing,
    agreement_id: Id,
    new: &NewDispatch,
    hold_days: i64,
) -> Result<Dispatch> {
    let id = Id::new();
    let seal = |column: &'static str, value: Option<&Sensitive<String>>| -> Result<Option<Vec<u8>>> {
        let place = Place { table: "dispatch", column, row: id.0 };
        value.map(|value| keys.seal(place, value.expose()).map_err(Error::internal)).transpose()
    };
    let row = Dispatch {
        agreement_id,
        id,
        origin_id: actor.scope.party_id,
        plan_year: new.planned_departure_on.year(),
        title: new.title.trim().to_owned(),
        mode: new.mode,
        vehicle: new.vehicle.clone(),
        legal_basis: new.legal_basis.clone(),
        consent_recorded: new.consent_recorded,
        planned_departure_on: new.planned_departure_on,
        planned_arrival_on: new.planned_arrival_on,
        holds_until: actor.now.plus_days(hold_days),
        departed_on: None,
        state: DispatchState::Draft,
        placements: 0,
        partner_ref: new.partner_ref.clone(),
        version: 1,
        created_at: actor.now,
        updated_at: actor.now,
    };
    let leader = seal("leader_sealed", new.leader_name.as_ref())?;
    let phone = seal("leader_phone_sealed", new.leader_phone.as_ref())?;
    diesel::insert_into(dispatch::table)
        .values((
            (
                dispatch::agreement_id.eq(row.agreement_id),
                dispatch::id.eq(row.id),
                dispatch::origin_id.eq(row.origin_id),
                dispatch::plan_year.eq(row.plan_year),
                dispatch::title.eq(&row.title),
                dispatch::mode.eq(row.mode),
                dispatch::vehicle.eq(&row.vehicle),
                dispatch::leader_sealed.eq(leader),
                dispatch::leader_phone_sealed.eq(phone),
                dispatch::legal_basis.eq(&row.legal_basis),
            ),
            (
                dispatch::consent_recorded.eq(row.consent_recorded),
                dispatch::planned_departure_on.eq(row.planned_departure_on),
                dispatch::planned_arrival_on.eq(row.planned_arrival_on),
                dispatch::holds_until.eq(row.holds_until),
                dispatch::state.eq(row.state),
                dispatch::placements.eq(row.placements),
                dispatch::partner_ref.eq(&row.partner_ref),
                dispatch::version.eq(row.version),
                dispatch::created_at.eq(row.created_at),
                dispatch::updated_at.eq(row.updated_at),
            ),
        ))
        .execute(connection)?;
    Ok(row)
}

/// A dispatch of an agreement the caller was let into; drafts are the origin's own.
pub fn dispatch(connection: &mut DbConnection, scope: &Scope, agreement_id: Id, id: Id) -> Result<Dispatch> {
    let found =
        dispatch::table.find((agreement_id, id)).select(Dispatch::as_select()).get_result(connection).optional()?;
    found
        .filter(|row| {
            row.origin_id == scope.party_id || !matches!(row.state, DispatchState::Draft | DispatchState::Cancelled)
        })
        .ok_or_else(|| Error::not_found("dispatch", "输送批次"))
}

/// A dispatch of the caller's own, locked for the command at hand.
pub fn own_dispatch(connection: &mut DbConnection, scope: &Scope, agreement_id: Id, id: Id) -> Result<Dispatch> {
    let locked = match connection {
        DbConnection::Postgres(postgres) => dispatch::table
            .find((agreement_id, id))
            .select(Dispatch::as_select())
            .for_update()
            .get_result(postgres)
            .optional()?,
        DbConnection::Sqlite(sqlite) => {
            dispatch::table.find((agreement_id, id)).select(Dispatch::as_select()).get_result(sqlite).optional()?
        }
    };
    let row = locked.ok_or_else(|| Error::not_found("dispatch", "输送批次"))?;
    if row.origin_id == scope.party_id {
        return Ok(row);
    }
    let known = !matches!(row.state, DispatchState::Draft | DispatchState::Cancelled);
    Err(if known {
        Error::new(Code::RoleNotAllowed)
            .detail("only the origin that sends the dispatch may change it", "仅派出该批次的输出方可以修改")
            .param("required_role", "origin")
    } else {
        Error::not_found("dispatch", "输送批次")
    })
}

/// Moves a dispatch to its next state.
pub fn advance(
    connection: &mut DbConnection,
    actor: &Actor,
    row: &Dispatch,
    action: DispatchAction,
    departed_on: Option<Day>,
) -> Result<Dispatch> {
    let state = lifecycle::step(TRANSITIONS, row.state, action)?;
    let departed_on = departed_on.or(row.departed_on);
    let changed = statement("update dispatch set state = ?, departed_on = ?, version = version + 1, updated_at = ? where agreement_id = ? and id = ? and version = ?")
        .bind(state.as_str())
        .bind(departed_on)
        .bind(actor.now)
        .bind(row.agreement_id)
        .bind(row.id)
        .bind(row.version)
        .run(connection)?;
    if changed == 0 {
        return Err(Error::new(Code::PreconditionFailed));
    }
    Ok(Dispatch { state, departed_on, version: row.version + 1, updated_at: actor.now, ..row.clone() })
}

/// Plans other days for a dispatch, and until when its workers are expected.
pub fn reschedule(
    connection: &mut DbConnection,
    actor: &Actor,
    row: &Dispatch,
    days: Rescheduling,
    arrival_due_on: Day,
) -> Result<Dispatch> {
    statement("update dispatch set planned_departure_on = ?, planned_arrival_on = ?, version = version + 1, updated_at = ? where agreement_id = ? and id = ?")
        .bind(days.planned_departure_on)
        .bind(days.planned_arrival_on)
        .bind(actor.now)
        .bind(row.agreement_id)
        .bind(row.id)
        .run(connection)?;
    statement("update placement set arrival_due_on = ?, version = version + 1 where agreement_id = ? and dispatch_id = ? and state = 'enrolled'")
        .bind(arrival_due_on)
        .bind(row.agreement_id)
        .bind(row.id)
        .run(connection)?;
    Ok(Dispatch {
        planned_departure_on: days.planned_departure_on,
        planned_arrival_on: days.planned_arrival_on,
        version: row.version + 1,
        updated_at: actor.now,
        ..row.clone()
    })
}

/// Whom to call about a dispatch that the caller was let into; its origin's and destinations' own affair.
pub fn leader(connection: &mut DbConnection, keys: &KeyRing, row: &Dispatch) -> Result<Leader> {
    let (name, phone): (Option<Vec<u8>>, Option<Vec<u8>>) = dispatch::table
        .find((row.agreement_id, row.id))
        .select((dispatch::leader_sealed, dispatch::leader_phone_sealed))
        .get_result(connection)?;
    let open = |column: &'static str, sealed: Option<Vec<u8>>| -> Result<Option<String>> {
        let place = Place { table: "dispatch", column, row: row.id.0 };
        let opened = sealed.map(|sealed| keys.open(place, &sealed)).transpose().map_err(Error::internal)?;
        Ok(opened.map(Sensitive::into_exposed))
    };
    Ok(Leader { name: open("leader_sealed", name)?, phone: open("leader_phone_sealed", phone)? })
}

/// Whether a row that has not left stands on a locked roster, which the other side reads and may send back.
fn is_presented(connection: &mut DbConnection, row: &Placement) -> Result<bool> {
    let state: DispatchState =
        dispatch::table.find((row.agreement_id, row.dispatch_id)).select(dispatch::state).get_result(connection)?;
    Ok(state == DispatchState::Locked && row.state == PlacementState::Enrolled)
}

/// A placement of an agreement the caller is a party of, or whose planned or real employer the caller is. A row that has not left is the
/// origin's own until its roster is locked.
pub fn placement(connection: &mut DbConnection, scope: &Scope, agreement_id: Id, id: Id) -> Result<Placement> {
    let role = agreements::store::readable(connection, scope, agreement_id)?;
    let found =
        placement::table.find((agreement_id, id)).select(Placement::as_select()).get_result(connection).optional()?;
    let absent = || Error::not_found("placement", "安置记录");
    let row = found
        .filter(|row| {
            role.is_some() || row.employer_id == scope.party_id || row.real_employer_id == Some(scope.party_id)
        })
        .ok_or_else(absent)?;
    let shown = row.origin_id == scope.party_id || row.departed_on.is_some() || is_presented(connection, &row)?;
    if shown { Ok(row) } else { Err(absent()) }
}

/// A placement whose worker the caller is to receive, or sent: its origin, its destination, its employer planned or met. The other
/// parties of the agreement see the placement, but not who the person is.
pub fn placement_to_receive(
    connection: &mut DbConnection,
    scope: &Scope,
    agreement_id: Id,
    id: Id,
) -> Result<Placement> {
    let row = placement(connection, scope, agreement_id, id)?;
    let concerned = [Some(row.origin_id), Some(row.destination_id), Some(row.employer_id), row.real_employer_id];
    if concerned.contains(&Some(scope.party_id)) { Ok(row) } else { Err(Error::not_found("placement", "安置记录")) }
}

/// The placements of ids, in no order; unknown ids are left out.
pub fn placements_of(connection: &mut DbConnection, agreement_id: Id, ids: &[Id]) -> Result<Vec<Placement>> {
    // One text whatever the number of ids, so that the prepared statement is found again. The columns come in the table's order, which
    // is the schema's and the row's.
    Ok(statement("select p.* from ? r cross join placement p where p.agreement_id = r.agreement_id and p.id = r.id")
        .bind(RowSet::list("id", ids.iter().copied()).shared("agreement_id", agreement_id))
        .returning::<placement::SqlType>()
        .load(connection)?)
}

/// The placements of a dispatch that are not cancelled.
pub fn roster(connection: &mut DbConnection, agreement_id: Id, dispatch_id: Id) -> Result<Vec<Placement>> {
    Ok(placement::table
        .filter(placement::agreement_id.eq(agreement_id))
        .filter(placement::dispatch_id.eq(dispatch_id))
        .filter(placement::state.ne(PlacementState::Cancelled))
        .order(placement::id)
        .select(Placement::as_select())
        .load(connection)?)
}

/// Frees the workers of a dispatch for other dispatches.
pub fn close_open_placements(connection: &mut DbConnection, dispatch_id: Id) -> Result<()> {
    statement("delete from open_placement where dispatch_id = ?").bind(dispatch_id).run(connection)?;
    Ok(())
}

/// Frees the workers of single placements for other dispatches.
pub fn close_open_placements_of(connection: &mut DbConnection, placements: &[&Placement]) -> Result<()> {
    let dispatches: BTreeSet<Id> = placements.iter().map(|row| row.dispatch_id).collect();
    // "is true" leaves the dispatches as the only way into the table; what they hold is looked up among the placements.
    statement(
        "delete from open_placement where dispatch_id in (select r.dispatch_id from ? r) \
         and (placement_id in (select r.placement_id from ? r)) is true",
    )
    .bind(RowSet::list("dispatch_id", dispatches))
    .bind(RowSet::list("placement_id", placements.iter().map(|row| row.id)))
    .run(connection)?;
    Ok(())
}

/// Dispatches of the agreement whose holds have run out.
pub fn lapsed(connection: &mut DbConnection, agreement_id: Id, now: Instant) -> Result<Vec<Dispatch>> {
    let ids: Vec<Id> = statement(
        "select distinct dispatch_id from place_hold where agreement_id = ? and holds_until <= ? order by dispatch_id",
    )
    .bind(agreement_id)
    .bind(now)
    .returning::<crate::db::Uid>()
    .load(connection)?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = dispatch::table.filter(dispatch::agreement_id.eq(agreement_id)).filter(dispatch::id.eq_any(ids));
    Ok(rows.order(dispatch::id).select(Dispatch::as_select()).load(connection)?)
}
