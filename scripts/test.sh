#!/bin/bash
# Installs what the tests need, builds once (release, tests included) and runs everything: lint,
# Swift tests, simulator seeds, then the real program against real clients and a reference etcd.
# Usage: scripts/test.sh [lint|swift|simulation|integration]...   (all of them without arguments)
set -euo pipefail
cd "$(dirname "$0")/.."
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(lint swift simulation integration)
wants() { [[ " ${stages[*]} " == *" $1 "* ]]; }

if wants lint; then scripts/lint.sh; fi

scripts/install.sh libnghttp2-dev libsystemd-dev pkg-config
swift build -c release --build-tests
bin=$(swift build -c release --show-bin-path)

if wants swift; then swift test -c release --skip-build; fi

if wants simulation; then "$bin/etcd-sim" --seeds 500 --workers 2; fi

if wants integration; then
    scripts/install.sh etcd-server etcd-client curl
    venv=.build/venv
    [ -x "$venv/bin/pytest" ] || {
        scripts/install.sh python3 python3-venv
        python3 -m venv "$venv"
        "$venv/bin/pip" install -q pytest python-etcd==0.4.5
    }
    ETCD_SWIFT_BINARY="$bin/etcd-swift" "$venv/bin/pytest" -q Tests/IntegrationTests
fi
