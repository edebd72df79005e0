#!/bin/bash
# Makes the golden files of the log and of snapshots again, from Debian's etcd (3.4, v2 API on).
# Usage: scripts/golden.sh [TARGET]   (default Tests/EtcdWALTests/testdata)
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install.sh etcd-server python3
target=${1:-Tests/EtcdWALTests/testdata}
mkdir -p "$target"
PYTHONDONTWRITEBYTECODE=1 python3 Tests/IntegrationTests/golden.py "$target"
