#!/usr/bin/env bash
# The simulator as a test: the cost of the reference canary, then every crash point of every workflow, a share of the
# other faults at every write, and two ranges of seeds, in one go on all cores. Usage: tests/sim.sh BINARY
# SLUICE_SIM_SEEDS: how many seeds of either kind (default 300; they start where the share says, so that shares differ in
# seeds too). SLUICE_SIM_SHARE: K/N, the K-th of N parts of the faults that are no crashes (default 1/2; 1/1: all).
# SLUICE_SIM_NEW_SHARE: the same for the workflows and faults that came behind the first release (default 1/4; 1/1: all).
# Exit 0 or 1; the last line is the summary.
set -u
binary=${1:?usage: tests/sim.sh BINARY}
root=$(cd "$(dirname "$0")/.." && pwd)
seeds=${SLUICE_SIM_SEEDS:-300}

share=${SLUICE_SIM_SHARE:-1/2}
new_share=${SLUICE_SIM_NEW_SHARE:-1/4}
from=$(( (${share%%/*} - 1) * seeds + 1 ))
failed=0
summary=()

run() {
  local name=$1; shift
  local log; log=$(mktemp)
  echo "== sluice sim $*"
  "$binary" sim --crds "$root/crds" "$@" >"$log" 2>&1 || failed=1
  cat "$log"
  summary+=("$name: $(tail -n 1 "$log")")
  rm -f "$log"
}

run cost --cost
run "faults $share and $new_share of the new, seeds from $from" \
  --faults --share "$share" --new-share "$new_share" --seeds "$seeds" --from "$from"
new_from=$((10000000 + from))
run "seeds from $new_from" --seeds "$seeds" --from "$new_from"
# The same seed twice gives the same history, byte for byte, from two processes.
replay() { "$binary" sim --crds "$root/crds" --seed 23 --history | grep -v '^seed '; }
first=$(replay); second=$(replay)
if [ "${#first}" -gt 100000 ] && [ "$first" = "$second" ]; then
  summary+=("replay: ${#first} bytes, identical")
else
  failed=1; summary+=("replay: DIFFERENT (${#first} and ${#second} bytes)")
fi

printf '%s; ' "${summary[@]}"
echo "$([ "$failed" -eq 0 ] && echo passed || echo FAILED)"
exit "$failed"
