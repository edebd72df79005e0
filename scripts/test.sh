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

scripts/install.sh libcrypt-dev libnghttp2-dev libsystemd-dev pkg-config
# One optimised build serves all stages. It has a place of its own, because testing needs a flag that
# the program is not shipped with.
build=(-c release --scratch-path .build/tests -Xswiftc -enable-testing)
swift build "${build[@]}" --build-tests
bin=$(swift build "${build[@]}" --show-bin-path)

if wants swift; then swift test "${build[@]}" --skip-build; fi

if wants simulation; then "$bin/etcd-sim" --seeds 500 --workers 2; fi

if wants integration; then
    scripts/install.sh etcd-server etcd-client curl nghttp2-client dnsmasq-base \
        chrpath debhelper debootstrap fakeroot fish iproute2 lintian man-db prometheus rpm rpmlint \
        systemd-container zsh
    venv=$(scripts/venv.sh)
    ETCD_SWIFT_BINARY="$bin/etcd-swift" "$venv/bin/pytest" -q Tests/IntegrationTests
fi
