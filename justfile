# Tasks for contributors; `just` lists them. Each line also works by hand.

_default:
    @just --list

# Formatting, lints, documentation and the words of the house
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps
    scripts/words

# All tests, or those whose names contain a word
test *NAME:
    cargo test {{NAME}}

# Everything that CI demands, as CI runs it
ci:
    .ci/run

# The long checks: other git versions, dependency audit, fuzzing
long:
    .ci/long

# Accept new snapshots and generated documents after looking at the difference
docs:
    INSTA_UPDATE=always COORD_UPDATE_DOCS=1 cargo test --test runner
    git diff --stat

# Compare with git itself (and with another build: GIT_COORD=path)
bench ROUNDS="200":
    scripts/dist
    benches/compare.sh {{ROUNDS}}

# The whole thing in a temporary folder
demo:
    cargo run -- demo

# The program as it is shipped
release:
    scripts/dist
