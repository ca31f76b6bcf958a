//! Files beside the state that may be lost without harm: hints, counts, signs of life.

pub(in crate::store) mod conflict_count;
pub(in crate::store) mod hints;
pub(in crate::store) mod leftovers;
