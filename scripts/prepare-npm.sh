#!/usr/bin/env bash
# Installs the pinned npm packages of package-lock.json, once for each state of that file.
set -euo pipefail
cd "$(dirname "$0")/.."

stamp=node_modules/.rampart-lock
command -v npm >/dev/null || { echo "npm is missing: install Node 20 or newer" >&2; exit 1; }
cmp -s package-lock.json "$stamp" && exit 0
# not `npm ci`: a lock made where not every platform's optional packages can be had is refused by it
npm install --no-save --no-audit --no-fund --loglevel=error
cp package-lock.json "$stamp"
