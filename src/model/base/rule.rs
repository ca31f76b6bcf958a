//! The rules by which operations and checks are refused.

use crate::model::base::words::words;

words! {
    /// A rule that refuses something, as a word for programs: `details.rule` of exit status 5.
    RuleId {
        /// A pattern of an area is malformed.
        Area = "area",
        /// The base of the target fails a gate as well.
        BaselineRed = "baseline-red",
        /// The target is checked out with changes.
        CheckedOutDirty = "checked-out-dirty",
        /// A merge conflicts.
        Conflict = "conflict",
        /// Items need each other in a circle.
        Cycle = "cycle",
        /// A checkpoint of that name exists.
        Exists = "exists",
        /// A gate could not run.
        GateBroken = "gate-broken",
        /// A gate failed.
        GateFailed = "gate-failed",
        /// What cannot be the name of a gate.
        GateName = "gate-name",
        /// Something could not land.
        HandedBack = "handed-back",
        /// A path is held with an item.
        HeldWithItem = "held-with-item",
        /// A workstream has landed.
        Landed = "landed",
        /// A workstream has begun.
        Launched = "launched",
        /// Behind the plan.
        Late = "late",
        /// Later landings are in the way of a rollback.
        LaterLandings = "later-landings",
        /// The session holds as many items of a queue as it may.
        MaxHeld = "max-held",
        /// A branch has moved meanwhile.
        Moved = "moved",
        /// What is needed is not done.
        NeedsOpen = "needs-open",
        /// A plan is not in force.
        NoPlan = "no-plan",
        /// An item is not free.
        NotFree = "not-free",
        /// A branch was not submitted.
        NotSubmitted = "not-submitted",
        /// An item is not part of the session's assignment.
        OutsideAssignment = "outside-assignment",
        /// A path belongs to a workstream.
        Owned = "owned",
        /// A plan from another file is in force.
        PlanExists = "plan-exists",
        /// The plan has changed meanwhile.
        PlanMoved = "plan-moved",
        /// A branch on which sessions do not commit.
        ProtectedBranch = "protected-branch",
        /// A range stands for too many items.
        Range = "range",
        /// A test that passed in the baseline fails.
        Regression = "regression",
        /// A name that the program itself uses.
        ReservedName = "reserved-name",
        /// The session has ended.
        SessionEnded = "session-ended",
        /// The branch lacks commits of what is to be edited.
        Stale = "stale",
        /// Changes are not committed.
        Uncommitted = "uncommitted",
        /// A path was edited without a claim.
        Unclaimed = "unclaimed",
        /// Another process cannot read the operation.
        UnreadableOperation = "unreadable-operation",
        /// A milestone that the plan does not have.
        UnknownMilestone = "unknown-milestone",
        /// A command that was not approved on this clone.
        Untrusted = "untrusted",
        /// Tests of the baseline are gone.
        VanishedTests = "vanished-tests",
        /// The queue asks for a verification.
        VerificationRequired = "verification-required",
        /// A verification is of another tree.
        VerificationStale = "verification-stale",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_written_as_their_words() {
        for rule in RuleId::ALL {
            let json = serde_json::to_string(rule).expect("JSON");
            assert_eq!(json, format!("{:?}", rule.as_str()));
            assert_eq!(serde_json::from_str::<RuleId>(&json).expect("readable"), *rule);
        }
        assert!(serde_json::from_str::<RuleId>("\"unheard-of\"").is_err());
    }
}
