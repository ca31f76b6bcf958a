//! The demonstration: it proves what it claims, or fails.

use crate::common::TestEnv;

#[test]
fn the_demo_proves_everything_it_says() {
    let env = TestEnv::empty();
    let call = env.coord(&["demo", "--sessions", "3", "--items", "12"]);
    let data = call.ok();
    assert_eq!(data["done"], 12, "{data}");
    for one in ["killed", "refused_commits", "refused_claims"] {
        assert_eq!(data[one], 1, "the demo shows one of {one}: {data}");
    }
    let proof = data["proof"].as_array().unwrap();
    assert!(!proof.is_empty() && proof.iter().all(|p| p["holds"] == true), "{proof:?}");
}
