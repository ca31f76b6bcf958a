//! Files to be imported: whatever they contain, they are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    git_coord::import::testing::read_bytes(None, bytes);
});
