//! Which of the free items a caller can do anything with.

use serde::{Deserialize, Serialize};

use crate::model::records::shard::Shard;

/// What [`crate::model::ops::op::TakeNext`] passes over, for callers that carry the work out themselves. The
/// default takes everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    /// Only items that carry a command.
    #[serde(default)]
    pub run: bool,
    /// Only the items of one shard.
    #[serde(default)]
    pub shard: Option<Shard>,
}
