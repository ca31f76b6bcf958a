//! Schemas of the model's names and words, which are strings to a reader of the JSON.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::model::claim::Mode;
use crate::model::session::SessionState;
use crate::model::shard::Shard;
use crate::model::{ItemId, ItemState, QueueName, RepoPath, SessionName};

macro_rules! text {
    ($($name:ident: $doc:literal),* $(,)?) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schemars::json_schema!({ "type": "string", "description": $doc })
            }
        }
    )*};
}

text! {
    SessionName: "Name of a session.",
    QueueName: "Name of a queue.",
    ItemId: "Id of an item.",
    RepoPath: "Path from the top of the repository, with '/'.",
    Shard: "Part of the items: 2/5 is the second of five.",
}

macro_rules! words {
    ($($name:ident: $($word:literal),*);* $(;)?) => {$(
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),*] })
            }
        }
    )*};
}

words! {
    Mode: "exclusive", "shared";
    SessionState: "active", "ended";
    ItemState: "pending", "blocked", "claimed", "done", "failed", "cancelled";
}
