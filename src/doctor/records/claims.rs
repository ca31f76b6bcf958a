//! The records of claims against the leases that they follow from.

use std::collections::{BTreeMap, BTreeSet};

use crate::doctor::Finding;
use crate::model::claim::{self, Claim, Grant, Holder, Mode};
use crate::model::{RepoPath, Txn, View, ViewError};

use super::DAMAGED;
use super::scan::keys_below;

/// What the folder `claims/` holds and should hold.
#[derive(Debug, Default)]
pub struct Plan {
    findings: Vec<Finding>,
    /// Records that stand where they should not.
    stray: Vec<String>,
    /// Records to write.
    wanted: Vec<Claim>,
}

impl Plan {
    /// Compares what stands there with what the leases amount to.
    pub fn new(view: &dyn View, wanted: &[Claim]) -> Self {
        let mut plan = Plan::default();
        let mut damaged = Vec::new();
        let mut found: BTreeMap<RepoPath, Claim> = BTreeMap::new();
        for key in keys_below(view, "claims", &mut damaged) {
            let parsed = match view.blob(&key) {
                Ok(Some(bytes)) => serde_json::from_slice::<Claim>(&bytes).map_err(|e| e.to_string()),
                Ok(None) => continue,
                Err(e) => Err(e.to_string()),
            };
            match parsed {
                Ok(claim) if !claim::keys_of(&claim.path).contains(&key) => {
                    let message = format!("it is the record of {}, which belongs elsewhere", claim.path);
                    plan.remove(Finding::at_key("claim-place", key.clone(), message), key);
                }
                Ok(claim) if found.contains_key(&claim.path) => {
                    let message = format!("{} has two records", claim.path);
                    plan.remove(Finding::at_key("claim-place", key.clone(), message), key);
                }
                Ok(claim) => {
                    found.insert(claim.path.clone(), claim);
                }
                Err(reason) => plan.remove(Finding::at_key(DAMAGED, key.clone(), reason), key),
            }
        }
        // A folder that cannot be read; the store's part grafts it away before this mends.
        plan.findings.extend(damaged.into_iter().map(|(key, why)| Finding::at_key(DAMAGED, key, why)));
        plan.compare(&found, wanted);
        plan
    }

    fn remove(&mut self, finding: Finding, key: String) {
        self.findings.push(finding);
        self.stray.push(key);
    }

    fn compare(&mut self, found: &BTreeMap<RepoPath, Claim>, wanted: &[Claim]) {
        for claim in wanted {
            let merged = merge(found.get(&claim.path), claim);
            match found.get(&claim.path) {
                Some(there) if *there == merged => {}
                there => {
                    let message = match there {
                        None => format!("{} is held by {}, but no claim says so", claim.path, names(claim)),
                        Some(_) => format!("the claim of {} is not what its leases say", claim.path),
                    };
                    let [key, _] = claim::keys_of(&claim.path);
                    self.findings.push(Finding::at_key("claim", key, message));
                    self.wanted.push(merged);
                }
            }
        }
        let known: BTreeSet<&RepoPath> = wanted.iter().map(|c| &c.path).collect();
        for claim in found.values().filter(|c| !c.holders.is_empty() && !known.contains(&c.path)) {
            let [key, _] = claim::keys_of(&claim.path);
            let message = format!("{} is claimed for {}, who has no lease of it", claim.path, names(claim));
            self.findings.push(Finding::at_key("claim", key, message));
            self.wanted.push(Claim { holders: Vec::new(), ..claim.clone() });
        }
    }

    /// What is wrong.
    pub fn findings(self) -> Vec<Finding> {
        self.findings
    }

    /// Carries it out.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn mend(self, txn: &mut Txn<'_>) -> Result<(), ViewError> {
        for key in self.stray {
            txn.remove(key);
        }
        // What goes first makes room for what comes.
        for claim in self.wanted.iter().filter(|c| c.holders.is_empty()) {
            claim::put(txn, claim)?;
        }
        for claim in self.wanted.iter().filter(|c| !c.holders.is_empty()) {
            claim::put(txn, claim)?;
        }
        Ok(())
    }
}

fn names(claim: &Claim) -> String {
    let names: Vec<&str> = claim.holders.iter().map(|h| h.session.as_str()).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

/// What the record should be: as wanted, but keeping what only the record knows (reasons, times)
/// and its order.
fn merge(found: Option<&Claim>, wanted: &Claim) -> Claim {
    let Some(found) = found else { return wanted.clone() };
    let mut holders: Vec<Holder> = Vec::new();
    for there in &found.holders {
        let Some(want) = wanted.holder(&there.session) else { continue };
        if holders.iter().any(|h| h.session == there.session) {
            continue;
        }
        let mut grants: Vec<Grant> = Vec::new();
        for grant in there.grants.iter().chain(&want.grants) {
            if want.grants.contains(grant) && !grants.contains(grant) {
                grants.push(grant.clone());
            }
        }
        // A hold may be stronger than the leases that are left of it, never weaker; with others
        // beside it, it must be as weak as they are.
        let alone = wanted.holders.len() == 1;
        let mode = if alone && there.mode == Mode::Exclusive { there.mode } else { want.mode };
        holders.push(Holder { grants, mode, ..there.clone() });
    }
    for want in &wanted.holders {
        if !holders.iter().any(|h| h.session == want.session) {
            holders.push(want.clone());
        }
    }
    Claim { path: wanted.path.clone(), holders, unlanded: found.unlanded.clone() }
}
