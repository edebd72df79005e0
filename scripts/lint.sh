#!/bin/bash
# Holds the tree against the rules of Sources/README.md: layering, banned words, sizes, dead files,
# format. Fast; runs before anything is built. Usage: scripts/lint.sh [--no-format]
set -euo pipefail
cd "$(dirname "$0")/.."
python3 scripts/lint.py
if [ "${1:-}" != "--no-format" ]; then
    swift format lint --strict --parallel --recursive --configuration .swift-format \
        Package.swift Sources Tests
fi
echo "lint: clean"
