//! Read models: what people and programs ask of a state.

pub mod item_json;
pub mod metrics;
pub mod split;
pub mod why;
