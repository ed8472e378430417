//! HTTP of regions: the national code table, the history of its codes, and how far apart two of them are.
//!
//! The table is compiled into the program, so nothing here asks the database. Zones are registered by the operator and found at
//! `/v1/zones`; wherever a code is needed, the host's code stands for the zone.

use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_actix_web::service_config::ServiceConfig;

use super::{FormerHolder, Region, RegionCode, RegionLevel, RegionStatus, Scope, ScopeError, ThreeWayScope, atlas};
use crate::app::State;
use crate::db::{Id, Page, PageRequest};
use crate::error::{Code, Error, Fault, Result};
use crate::http::query::{AnyOf, Query};
use crate::http::{Answer, Listing, PageParams};
use crate::identity::Caller;
use crate::identity::policy::PartiesRead;

/// What a list of regions may be narrowed to.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RegionFilter {
    /// Only these rungs of the table.
    #[param(inline)]
    pub level: Option<AnyOf<RegionLevel>>,
    /// Only divisions directly below this one.
    pub parent_code: Option<RegionCode>,
    /// Only divisions whose name contains this text.
    #[param(max_length = 50, min_length = 1)]
    pub name: Option<String>,
}

crate::text_enum! {
    /// Whether a code is in force.
    pub enum CodeStatus {
        /// A division holds it today.
        Current => "current" / "现行",
        /// It stood for a division in the past.
        Historic => "historic" / "历史",
    }
}

/// A code that is or was in force, with everything known about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RegionEntry {
    /// The code that was asked for.
    pub code: RegionCode,
    /// Whether it is in force.
    pub status: CodeStatus,
    /// The division that holds the code today; null for a historic code.
    pub region: Option<Region>,
    /// From the province down to the division itself; empty for a historic code.
    #[schema(max_items = 3)]
    pub path: Vec<Region>,
    /// Divisions directly below; 0 for a county and for the cities without counties (东莞, 中山, 儋州, 嘉峪关).
    #[schema(minimum = 0, maximum = 1000)]
    pub children_count: usize,
    /// Whether a workplace recorded with this code is recorded as precisely as the table allows.
    pub is_complete_workplace: bool,
    /// Names the code stood for before, oldest first.
    #[schema(max_items = 20)]
    pub former_holders: Vec<FormerHolder>,
    /// For a historic code, the divisions of today that its last holder became; empty when the table names none.
    #[schema(max_items = 50)]
    pub successors: Vec<Region>,
}

impl RegionEntry {
    fn of(code: RegionCode, status: RegionStatus) -> Self {
        let (status, region, former_holders, successors) = match status {
            RegionStatus::Current { region, former_holders } => {
                (CodeStatus::Current, Some(region), former_holders, Vec::new())
            }
            RegionStatus::Historic { former_holders, successors, .. } => {
                (CodeStatus::Historic, None, former_holders, successors)
            }
        };
        Self {
            code,
            status,
            region,
            path: atlas().path(code).into_iter().cloned().collect(),
            children_count: atlas().children(code).len(),
            is_complete_workplace: atlas().is_complete_workplace(code),
            former_holders,
            successors,
        }
    }
}

/// Two divisions whose scope is wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RegionPair {
    /// The county of origin; a former code is followed to its successor.
    #[param(example = "430523")]
    pub origin: RegionCode,
    /// The workplace: a county, a city without counties, or the host of a zone.
    #[param(example = "330782")]
    pub workplace: RegionCode,
}

/// A scope with its labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct LabelledScope<S> {
    /// The scope.
    pub scope: S,
    /// Its label in English.
    #[schema(max_length = 60, example = "outside the province")]
    pub label_en: &'static str,
    /// Its label in Chinese, as reports print it.
    #[schema(max_length = 20, example = "省外")]
    pub label_zh: &'static str,
}

/// How far from home a workplace is; computed from the codes, never from a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct PairScope {
    /// The county of origin.
    pub origin: RegionCode,
    /// The workplace.
    pub workplace: RegionCode,
    /// The local split: 省外, 省内市外, 市内县外, 县内.
    pub four_way: LabelledScope<Scope>,
    /// The national split: 省外, 省内县外, 县内.
    pub three_way: LabelledScope<ThreeWayScope>,
}

/// A code as a place in a list: codes sort as their numbers do.
fn place_of(code: RegionCode) -> Id {
    Id(uuid::Uuid::from_u128(u128::from(code.number())))
}

fn page_of(filter: &RegionFilter, page: &PageRequest) -> Vec<Region> {
    let fits = |region: &&Region| {
        let behind = |code| match (page.after, page.descending) {
            (None, _) => true,
            (Some(after), false) => place_of(code) > after,
            (Some(after), true) => place_of(code) < after,
        };
        region.code.is_some_and(behind)
            && filter.level.as_ref().is_none_or(|levels| levels.has(region.level))
            && filter.parent_code.is_none_or(|parent| region.parent_code == Some(parent))
            && filter.name.as_ref().is_none_or(|name| region.name.contains(name.as_str()))
    };
    let mut rows: Vec<&Region> = atlas().regions().filter(fits).collect();
    if page.descending {
        rows.reverse();
    }
    rows.into_iter().take(usize::try_from(page.probe()).unwrap_or(usize::MAX)).cloned().collect()
}

/// Lists regions
///
/// The divisions of today, in the order of their codes (`sort=-id` turns it round).
#[utoipa::path(tag = "regions", params(PageParams, RegionFilter), responses((status = 200, description = "A page of regions", body = Page<Region>)),
    security(("oauth2" = ["parties.read"])))]
#[get("/v1/regions")]
pub async fn list_regions(
    state: web::Data<State>,
    _caller: Caller<PartiesRead>,
    listing: Listing<RegionFilter>,
) -> Result<Answer> {
    let page = listing.page(&state)?;
    let rows = page_of(&listing.filter, &page);
    Answer::page(&page.page(&state.keys, rows, |region| region.code.map_or(Id::NIL, place_of)))
}

/// Reads a region
///
/// A code in force, or a former one with the names it stood for and the divisions of today that they became.
#[utoipa::path(tag = "regions", params(("code" = RegionCode, Path, description = "The code", example = "430523")),
    responses((status = 200, description = "What is known about the code", body = RegionEntry, headers(("ETag")))), security(("oauth2" = ["parties.read"])))]
#[get("/v1/regions/{code}")]
pub async fn get_region(_caller: Caller<PartiesRead>, path: web::Path<RegionCode>) -> Result<Answer> {
    let code = path.into_inner();
    let status = atlas().resolve(code).ok_or_else(|| Error::not_found("region", "行政区划"))?;
    Ok(Answer::ok(&RegionEntry::of(code, status))?.tagged())
}

/// Computes the scope of two regions
///
/// How far from the county of origin a workplace is, in the local four-way and the national three-way split. For a zone give its `host_code`.
#[utoipa::path(tag = "regions", params(RegionPair),
    responses((status = 200, description = "The scope of the pair", body = PairScope),
        (status = 404, description = "No scope can be told for this pair; errors name the code and the reason", body = crate::http::problem::Problem, content_type = "application/problem+json")),
    security(("oauth2" = ["parties.read"])))]
#[get("/v1/region-scopes")]
pub async fn get_region_scope(_caller: Caller<PartiesRead>, query: Query<RegionPair>) -> Result<Answer> {
    let Query(RegionPair { origin, workplace }) = query;
    let scope = atlas().scope_between(origin, workplace).map_err(|error| no_scope(error, origin))?;
    let three_way = scope.three_way();
    Answer::ok(&PairScope {
        origin,
        workplace,
        four_way: LabelledScope { scope, label_en: scope.label_en(), label_zh: scope.label_zh() },
        three_way: LabelledScope { scope: three_way, label_en: three_way.label_en(), label_zh: three_way.label_zh() },
    })
}

fn no_scope(error: ScopeError, origin: RegionCode) -> Error {
    let (ScopeError::UnknownRegion(code) | ScopeError::DividedRegion(code) | ScopeError::TooCoarse(code)) = error;
    let name = if code == origin { "origin" } else { "workplace" };
    Error::new(Code::NotFound).detail(error.message_en(), error.message_zh()).fault(Fault::query(
        name,
        error.code(),
        error.message_en(),
        error.message_zh(),
    ))
}

/// Mounts the routes of this slice.
pub fn mount(config: &mut ServiceConfig) {
    config.service(list_regions).service(get_region).service(get_region_scope);
}
