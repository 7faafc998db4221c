#!/usr/bin/env bash
# Build the image of `hotseat serve` for a studio's own machine: `make image-serve`, after
# `make wheels`. With BASE=debian a base of Debian packages replaces python:3.13-slim, for
# machines that cannot pull it. WHEELS is the folder whose dist/ has both wheels.
set -euo pipefail
cd "$(dirname "$0")/../.."
BASE=${BASE:-docker.io/library/python:3.13-slim}
NAME=${NAME:-hotseat-serve}
WHEELS=${WHEELS:-.}
FLAGS=""
# shellcheck source=infra/debian_base.sh
. infra/debian_base.sh
needs podman "podman buildah runc"
if [ "$BASE" = debian ]; then
  debian_base
  FLAGS="--break-system-packages"
fi
podman build --quiet --isolation chroot --network host --format docker \
  -v /etc/ssl/certs:/etc/ssl/certs:ro "${pip_settings[@]}" \
  --build-arg "BASE_IMAGE=$BASE" --build-arg "PIP_FLAGS=$FLAGS" \
  -f infra/own_machine/Dockerfile -t "$NAME" "$WHEELS" >/dev/null
echo "built $NAME"
