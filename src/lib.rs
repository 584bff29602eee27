//! `WorkerPool`: a Kubernetes operator that scales Redis workers, with its reference worker and kubectl plugin.
//!
//! The data flows one way: `observe` → `decide` → `act` → `report`; `controller` calls the four in order.
//! Ranks, lower never uses higher: 0 [`decide`]; 1 [`api`], [`protocol`], [`telemetry`], and [`sim`] above `api`;
//! 2 `observe`, `act`, `report` (never each other); 3 `controller`; beside it `worker`, `local`, `plugin`
//! and `web` (0 and 1 only; the controller serves `web`, the plugin starts `local`).

#[cfg(feature = "api")]
pub mod api;
pub mod decide;
pub mod protocol;
#[cfg(feature = "api")]
pub mod sim;
pub mod telemetry;

#[cfg(feature = "operator")]
pub mod act;
#[cfg(feature = "operator")]
pub mod controller;
#[cfg(feature = "operator")]
pub mod observe;
#[cfg(feature = "operator")]
pub mod report;

#[cfg(feature = "local")]
pub mod local;
#[cfg(feature = "plugin")]
pub mod plugin;
#[cfg(feature = "operator")]
pub mod web;
#[cfg(feature = "worker")]
pub mod worker;
