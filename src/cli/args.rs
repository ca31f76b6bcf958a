//! Flags that several commands share.

use std::path::PathBuf;

use clap::Args;

use crate::cli::output::Ui;
use crate::cli::text::parse_duration;

/// Heading of the flags of every command, so that they stand apart from a command's own.
const COMMON: &str = "Common options";

/// Flags that every command takes, before or after its name.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// Print one JSON document
    #[arg(long, global = true, help_heading = COMMON)]
    pub json: bool,
    /// Act as this session
    #[arg(long, global = true, help_heading = COMMON, value_name = "NAME")]
    pub session: Option<String>,
    /// Run as if started in DIR
    #[arg(short = 'C', global = true, help_heading = COMMON, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Do not ask the remote; finish and give back what is held, to be sent later
    #[arg(long, global = true, help_heading = COMMON)]
    pub offline: bool,
    /// Print the answer only
    #[arg(long, short, global = true, help_heading = COMMON)]
    pub quiet: bool,
}

impl Global {
    /// The output that these flags ask for.
    pub fn ui(&self) -> Ui {
        Ui { json: self.json, quiet: self.quiet }
    }
}

/// Parses `--limit`. 0 might be taken for all or for nothing, so it is neither.
///
/// # Errors
/// When it is not a number that can be a limit.
pub fn parse_limit(word: &str) -> Result<u64, String> {
    word.parse().ok().filter(|n| *n > 0).ok_or_else(|| "write a number from 1".into())
}

/// `--ttl`, for commands that grant leases.
#[derive(Debug, Clone, Args)]
pub struct Ttl {
    /// Length of the lease: 90s, 30m, 2h, 1d
    #[arg(long = "ttl", value_name = "D", value_parser = parse_duration)]
    pub ttl: Option<u64>,
}
