//! The labour exchange (劳务协作履约对账): origin counties and destination regions publish labour-cooperation agreements, job quotas and
//! worker dispatches; employers confirm arrivals; the exchange reconciles both sides against each agreement, row by row.
//!
//! Read in this order. The platform: [`error`], [`clock`], [`lifecycle`], [`db`], [`seal`], [`http`], [`identity`], [`events`], [`webhooks`], [`bulk`], [`jobs`].
//! Then the slices, each a concept file with `rules` (pure), `store` (the only queries) and `routes` (the only HTTP); a lower one may
//! use a higher one, never back: [`regions`], [`calendar`], [`parties`], [`workers`], [`linkage`] (pure: no store, no routes), [`agreements`],
//! [`quotas`], [`dispatches`], [`arrivals`], [`retention`], [`fulfilment`], [`reconciliation`], [`discrepancies`], [`statements`], [`indicators`],
//! [`interchange`], [`code_lists`], [`sandbox`]. [`app`] mounts them, [`cli`] starts everything.

pub mod agreements;
pub mod app;
pub mod arrivals;
pub mod bulk;
pub mod calendar;
pub mod cli;
pub mod clock;
pub mod code_lists;
pub mod config;
pub mod db;
pub mod demo;
pub mod discrepancies;
pub mod dispatches;
pub mod error;
pub mod events;
pub mod fulfilment;
pub mod http;
pub mod identity;
pub mod indicators;
pub mod interchange;
pub mod jobs;
pub mod lifecycle;
pub mod linkage;
pub mod parties;
pub mod public_register;
pub mod quotas;
pub mod reconciliation;
pub mod regions;
pub mod retention;
pub mod sandbox;
pub mod seal;
pub mod statements;
pub mod telemetry;
pub mod webhooks;
pub mod workers;
