//! Coordination of many coding sessions on one repository, stored in git itself.
//!
//! ```text
//! cli ── demo, doctor, uninstall, guard, hook, import, notes ── store ── git
//!   └──────────────────────┴── model (pure) ──┴──────────────────┘
//! ```
//!
//! Imports point to the right and to [`model`], never back:
//!
//! - [`model`]: what a claim, an item, a lease, a session is, and [`model::apply`], the one function
//!   that changes the state. No git, clock, file or environment.
//! - [`mod@git`]: the `git` program, the user's repository, what a commit changes.
//! - [`store`]: the state in a bare repository: reading, group commit, compare-and-swap, upkeep.
//! - [`import`], [`hook`], [`guard`], [`notes`], [`server`], [`doctor`], [`mod@uninstall`], [`demo`]: one capability
//!   each. They print nothing.
//! - [`cli`]: words, output, exit statuses; the only part that knows a terminal and the environment.
//! - [`binding`], [`settings`], [`clock`], [`duration`], [`process`], [`crash`]: small things that have one home.

pub mod agent;
pub mod binding;
pub mod cli;
pub mod client;
pub mod clock;
pub mod crash;
pub mod demo;
pub mod doctor;
pub mod duration;
pub mod exec;
pub mod git;
pub mod guard;
pub mod hook;
pub mod import;
pub mod land;
pub mod model;
pub mod notes;
pub mod plan;
pub mod planning;
pub mod process;
pub mod runner;
pub mod server;
pub mod settings;
pub mod store;
pub mod trust;
pub mod uninstall;
