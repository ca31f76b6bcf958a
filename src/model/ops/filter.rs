//! Which of the free items a caller can do anything with.

use serde::{Deserialize, Serialize};

use crate::model::base::{ItemId, QueueName};
use crate::model::records::shard::Shard;

/// What [`crate::model::ops::op::TakeNext`] passes over, for callers that carry the work out themselves. The
/// default takes everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Filter {
    /// Only items that carry a command.
    #[serde(default)]
    pub run: bool,
    /// Only the items of one shard.
    #[serde(default)]
    pub shard: Option<Shard>,
    /// Not these: their commands may not run where the caller is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<ItemId>,
    /// Nothing of these queues: the commands that verify their items may not run there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub except_queues: Vec<QueueName>,
}
