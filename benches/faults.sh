#!/usr/bin/env bash
# The long storm of faults: sessions in four clones over a folder, ssh, HTTP and HTTP with kept
# connections, which break at random, while processes are killed. Tens of thousands of operations.
#
#   benches/faults.sh [ITEMS]
#
# Each item is about six operations. Ends with a check that nothing was lost or done twice.
set -euo pipefail
cd "$(dirname "$0")/.."
COORD_FAULT_ITEMS=${1:-5000} cargo test --test runner a_storm_of_faults -- --nocapture
