//! Events of agent programs, as they arrive on standard input.
#![no_main]

use git_coord::agent::event::Event;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    Event::parse(bytes, None, Default::default());
});
