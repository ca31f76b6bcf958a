//! `coord.toml`: it is read, checked and scheduled whatever it says.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (plan, _) = git_coord::plan::parse(text);
    git_coord::plan::check(text, &plan, &Default::default());
    git_coord::plan::schedule(&plan, &Default::default());
});
