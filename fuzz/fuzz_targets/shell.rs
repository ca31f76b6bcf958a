//! Shell commands and patches, in which written paths are looked for.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    git_coord::agent::shell::writes(text, None, None);
    git_coord::agent::patch::writes(text);
});
