#!/usr/bin/env bash
# Build the function's image on this machine and print its size: `make image`.
#
# With BASE=debian a base image with Debian's Python replaces Lambda's own, for machines that
# cannot pull it; the rest is the same. MODEL is a baked version; CONTEXT replaces the
# folder functions/, with a copy that `cdk` makes, say; PACKAGES is a folder of wheels in
# functions/packages, PREPROCESSING=1 adds tokenizers and image decoders, TEXT=1 what language
# models need; PLATFORM is another architecture (linux/arm64), which needs qemu-user-static.
# Writes a bill of materials (CycloneDX) to dist/.
set -euo pipefail
cd "$(dirname "$0")/.."
# the Dockerfile's base, by its digest alone: podman 4 takes no tag beside it
BASE=${BASE:-$(sed -n 's/^ARG BASE_IMAGE=\(.*\):[^:]*@/\1@/p' functions/Dockerfile)}
MODEL=${MODEL:-none}
NAME=${NAME:-hotseat-function}
CONTEXT=${CONTEXT:-functions}
PYTHON=${PYTHON:-.venv/bin/python}
FLAGS="" EXTRA=""

# shellcheck source=infra/debian_base.sh
. infra/debian_base.sh
needs podman "podman buildah runc"
if [ "$BASE" = debian ]; then
  debian_base
  FLAGS="--break-system-packages"
  EXTRA="awslambdaric==4.2.2"
fi
podman build --quiet --isolation chroot --network host ${PLATFORM:+--platform "$PLATFORM"} \
  -v /etc/ssl/certs:/etc/ssl/certs:ro "${pip_settings[@]}" \
  --build-arg "BASE_IMAGE=$BASE" --build-arg "PIP_FLAGS=$FLAGS" \
  --build-arg "EXTRA=$EXTRA" --build-arg "BAKED=$MODEL" \
  --build-arg "PACKAGES=${PACKAGES:-none}" --build-arg "PREPROCESSING=${PREPROCESSING:-}" \
  --build-arg "TEXT=${TEXT:-}" \
  -t "$NAME" "$CONTEXT" >/dev/null
mkdir -p dist
"$PYTHON" infra/sbom.py --baked "$CONTEXT/baked/$MODEL" --extra "$EXTRA" \
  ${PREPROCESSING:+--preprocessing} ${TEXT:+--text} --packages "$CONTEXT/packages/${PACKAGES:-none}" \
  > "dist/$NAME.cdx.json"
echo "bill of materials: dist/$NAME.cdx.json"
size() { podman image inspect --format '{{.Size}}' "$1"; }
echo "$NAME: $(( ($(size "$NAME") - $(size "$BASE")) / 1000000 )) MB on top of its base"
