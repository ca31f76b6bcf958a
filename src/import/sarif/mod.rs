//! SARIF 2.1.0, the parts of it that say what to do and where.
//!
//! A log is one JSON document, often of hundreds of megabytes, nearly all of it in
//! `runs[].results[]`. Results are taken from the stream one at a time; the rest of the document
//! is kept where results refer to it (rules, base URIs, artifacts) and skipped otherwise.
//!
//! - **The order of keys does not matter.** A result goes to the sink at once when all that it
//!   refers to is known. Otherwise it and all after it in its run wait, in memory up to a limit and
//!   then in a temporary file, until the run ends. (ruff and the .NET compilers write `results`
//!   before `tool`.)
//! - **A result that cannot be used** is listed with the line on which it begins. Where the JSON
//!   itself is broken, nothing after it can be read: one entry says where.
//! - **No findings**, and skipped: a `kind` other than `fail`, `review` and `open`; a
//!   `baselineState` of `absent`; a suppression that is accepted, or whose status is not given.
//! - **Message**: its text; one that the rule or the tool has under the message's id; else what the rule says of
//!   itself.
//! - **Rule**: the one at `ruleIndex`, else the one with `ruleId` or `rule.id`. A hierarchical id (`CA1000/1`)
//!   is the rule's id, and finds the description of its parent.
//! - **Severity**: the `security-severity` of result or rule; else the result's `level`; else, for a `kind` other than
//!   `fail`, `none`; else the level that an invocation has configured for the rule, or the rule's default; else `warning`.
//! - **Category**: `properties.category` or the first of `properties.tags`, of the result or else
//!   of the rule; else the group in the rule's id.
//! - **Files**: those of all `locations`, the first one first. It must be in the repository; of
//!   the others, those outside are left out, as nobody could claim them. A base URI of another machine is the top;
//!   a page (`https:`) is not a file.
//! - **Identity**: the tool's fingerprints if there are any, in this order of preference:
//!   `partialFingerprints.primaryLocationLineHash`, all `fingerprints`, all `partialFingerprints`;
//!   otherwise the message.

mod convert;
mod read;
mod rules;
mod run;
mod schema;

use super::format::{Read, Spec};

pub(super) const SPEC: Spec = Spec {
    name: "sarif",
    about: "SARIF 2.1.0, which most scanners can write",
    // `runs` is what makes a log, but it may begin behind the first bytes.
    sniff: |head| {
        (head.has("runs")
            || (head.has("$schema")
                && head.has("version")
                && (head.mentions("sarif") || head.mentions("\"2.1.0\""))))
            && !head.has("title")
    },
    read: Read::By(read::read),
    ..Spec::DEFAULT
};

#[cfg(test)]
mod tests;
