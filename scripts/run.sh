#!/bin/bash
# Installs what the build needs, builds the release program and starts one member on a data
# directory below this folder. Flags are passed on: scripts/run.sh --name infra0
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh libcrypt-dev libnghttp2-dev libsystemd-dev pkg-config
# One executable that needs no Swift on the machine it runs on.
swift build -c release --static-swift-stdlib --product etcd-swift
binary=$(swift build -c release --show-bin-path)/etcd-swift
data=${ETCD_DATA_DIR:-.run/default.etcd}
mkdir -p "$(dirname "$data")"
echo
echo "Data directory: $data. In another terminal try:"
echo "  curl http://127.0.0.1:2379/v2/keys/message -XPUT -d value='Hello world'"
echo
exec env ETCD_DATA_DIR="$data" "$binary" "$@"
