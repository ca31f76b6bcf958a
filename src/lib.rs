//! Coordination of many coding sessions on one repository, stored in git itself.
//!
//! ```text
//! faces       cli                     words, output, exit statuses; starts demo, which drives the
//!              │                      program from outside
//! use cases   client                  typed requests, answers and errors; no terminal, no environment
//!              │
//! jobs        uninstall               server          what one command or server does at length
//!              ├─ doctor, land         │
//!              └─ runner ── exec       └─ guard       import, agent
//!                   │                      │            │
//! state       store │ hook │ notes ────────┴────────────┘
//!              │
//! git         git ── process
//!              │
//! pure        model ── plan
//! ```
//!
//! Imports go down or to the right, never back. `tests/suite/layers.rs` has every allowed arrow and fails on
//! any other.
//!
//! - [`model`]: what a claim, an item, a lease, a session is, and [`model::apply()`], which changes the
//!   state. No git, clock, file or environment: a test checks it. [`plan`] reads `coord.toml`.
//! - [`mod@git`]: the `git` program, the user's repository, what a commit changes.
//! - [`store`]: the state in a bare repository: reading, group commit, compare-and-swap, the remote that
//!   arbitrates, upkeep.
//! - [`hook`] installs git hooks, [`notes`] keeps notes on commits, [`guard`] judges changes by claims,
//!   [`server`] does so for a bare repository, [`import`] reads items from files.
//! - [`runner`] runs the commands of items in a pool of worktrees, [`exec`] runs one command with limits;
//!   [`doctor`] finds and repairs damage, [`mod@uninstall`] takes everything out again. They print nothing.
//! - [`fresh`] keeps a session's branch up to the newest versions of what it is about to change.
//! - [`land`] brings finished work into a target branch; [`agent`] judges the edits of agent programs.
//! - [`client`]: the use cases: start a session, claim, take, finish, verify, sync.
//! - [`cli`]: the only part that knows a terminal and the environment.
//! - [`binding`], [`settings`], [`clock`], [`duration`], [`process`], [`crash`]: small things that have one home.
//!
//! The library is there for the program and its tests: its API is not stable.

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
pub mod fresh;
pub mod gate;
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
