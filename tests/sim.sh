#!/usr/bin/env bash
# The simulator as a test: the cost of the reference canary, then every crash point of every workflow, a share of the
# other faults at every write, and a range of seeds, in one go on all cores. Usage: tests/sim.sh BINARY
# SLUICE_SIM_SEEDS: how many seeds (default 300; they start where the share says, so that shares differ in seeds too).
# SLUICE_SIM_SHARE: K/N, the K-th of N parts of the faults that are no crashes (default 1/2; 1/1: all). Exit 0 or 1; the last line is the summary.
set -u
binary=${1:?usage: tests/sim.sh BINARY}
root=$(cd "$(dirname "$0")/.." && pwd)
seeds=${SLUICE_SIM_SEEDS:-300}

share=${SLUICE_SIM_SHARE:-1/2}
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
# What the simulator has learnt since (refusals, strangers, two controllers, people who act at any moment) is run by hand
# until the controller stands up to all of it: sim/README.md.
run "faults $share, seeds from $from" --faults --first --share "$share" --seeds "$seeds" --from "$from"
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
