#!/usr/bin/env bash
# The simulator as a test: every crash point of every workflow, then a range of seeds. Usage: tests/sim.sh BINARY
# SLUICE_SIM_SEEDS: how many seeds (default 300). Exit 0 or 1; the last line is the summary.
set -u
binary=${1:?usage: tests/sim.sh BINARY}
root=$(cd "$(dirname "$0")/.." && pwd)
seeds=${SLUICE_SIM_SEEDS:-300}
failed=0
summary=()

run() {
  local name=$1; shift
  local log; log=$(mktemp)
  "$binary" sim --crds "$root/crds" "$@" >"$log" 2>&1 || failed=1
  cat "$log"
  summary+=("$name: $(tail -n 1 "$log")")
  rm -f "$log"
}

run cost --cost
run crashes --crashes
run seeds --seeds "$seeds"
# The same seed twice gives the same history, byte for byte, also from two processes.
first=$("$binary" sim --crds "$root/crds" --seed 23 --history | grep -v '^seed ' | sha256sum)
second=$("$binary" sim --crds "$root/crds" --seed 23 --history | grep -v '^seed ' | sha256sum)
if [ "$first" = "$second" ]; then summary+=("replay: identical"); else failed=1; summary+=("replay: DIFFERENT"); fi

printf '%s; ' "${summary[@]}"
echo "$([ "$failed" -eq 0 ] && echo passed || echo FAILED)"
exit "$failed"
