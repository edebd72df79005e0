#!/bin/bash
# Measures the release program beside Debian's etcd and prints ratios. Usage: scripts/bench.sh v2
# BENCH_SECONDS=5 per measurement, BENCH_REPEATS=1 (median), BENCH_MEMBERS="1 3",
# BENCH_CONNECTIONS="1 64 256", BENCH_OPERATIONS="put get qget", BENCH_PLACES="disk memory",
# BENCH_DISK_DIR=.build/bench; ETCD_SWIFT_BINARY to measure a program that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "${1:-}" = v2 ] || { echo "usage: scripts/bench.sh v2" >&2; exit 2; }
scripts/install.sh etcd-server wrk python3
if [ -z "${ETCD_SWIFT_BINARY:-}" ]; then
    scripts/install.sh libcrypt-dev libnghttp2-dev libsystemd-dev pkg-config
    swift build -c release --static-swift-stdlib --product etcd-swift
    ETCD_SWIFT_BINARY=$(swift build -c release --show-bin-path)/etcd-swift
fi
export ETCD_SWIFT_BINARY
exec python3 Tests/Benchmarks/bench.py
