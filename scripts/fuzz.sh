#!/bin/bash
# Looks for inputs that bring a parser down (Tests/Fuzzers), with libFuzzer, for so many seconds.
# Usage: scripts/fuzz.sh NAME SECONDS     (NAME: a folder of Tests/Fuzzers/seeds)
# What it finds is left in .build/fuzz-findings; a finding becomes a seed before it is mended.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:?which parser}
seconds=${2:?for how many seconds}
seeds=Tests/Fuzzers/seeds/$name
[ -d "$seeds" ] || { echo "no $seeds; there are: $(ls Tests/Fuzzers/seeds)" >&2; exit 2; }
scratch=${FUZZ_SCRATCH:-.build/fuzz}
export ETCD_SWIFT_FUZZ=1
nice -n 19 swift build --scratch-path "$scratch" --product Fuzzers
program=$(swift build --scratch-path "$scratch" --show-bin-path)/Fuzzers
corpus=.build/fuzz-corpus/$name
findings=.build/fuzz-findings/$name
mkdir -p "$corpus" "$findings"
# Swift's own report of a crash would keep libFuzzer from writing the input down.
export SWIFT_BACKTRACE=enable=no
FUZZ_TARGET=$name nice -n 19 "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
    -max_len=16384 -artifact_prefix="$findings/" -print_final_stats=1 "$corpus" "$seeds"
