#!/usr/bin/env bash
# Types, vectors, faults, and a real browser against a running service: `make
# test-typescript`. HOTSEAT_FRAME_SECONDS=60 plays the game loop for a minute.
set -euo pipefail
cd "$(dirname "$0")"
export CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || true)}

needs() {
  [ -n "$1" ] && return
  if [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ]; then
    export DEBIAN_FRONTEND=noninteractive
    flock /tmp/hotseat-apt.lock sh -c "apt-get update -qq && apt-get install -y -qq $2" \
      >/dev/null
  else
    echo "make test-typescript needs $2: apt-get install $2" >&2
    exit 1
  fi
}

needs "$(command -v npm || true)" npm
needs "$CHROMIUM" chromium
export CHROMIUM=${CHROMIUM:-$(command -v chromium)}
npm ci --silent --no-audit --no-fund
HOTSEAT_PLAYGROUND=$(realpath -m ../../.hotseat/playground) npm test
npm ci --silent --no-audit --no-fund --prefix test/bundlers
node --test test/bundlers/bundlers.test.mjs
RUNTIMES=node-18 bash test/runtimes.sh # the oldest that we promise; make test-runtimes: all
