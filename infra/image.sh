#!/usr/bin/env bash
# Build the function's image on this machine and print its size: `make image`.
#
# With BASE=debian a base image with Debian's Python replaces Lambda's own, for machines that
# cannot pull it; the rest is the same. MODEL is a baked version; CONTEXT replaces the
# folder functions/, with a copy that `cdk` makes, say; PACKAGES is a folder of wheels in
# functions/packages, PREPROCESSING=1 adds tokenizers and image decoders; PLATFORM is another architecture
# (linux/arm64), which needs qemu-user-static. Writes a bill of materials (CycloneDX) to dist/.
set -euo pipefail
cd "$(dirname "$0")/.."
# the Dockerfile's base, by its digest alone: podman 4 takes no tag beside it
BASE=${BASE:-$(sed -n 's/^ARG BASE_IMAGE=\(.*\):[^:]*@/\1@/p' functions/Dockerfile)}
MODEL=${MODEL:-none}
NAME=${NAME:-hotseat-function}
CONTEXT=${CONTEXT:-functions}
PYTHON=${PYTHON:-.venv/bin/python}
FLAGS="" EXTRA=""

needs() {
  command -v "$1" >/dev/null && return
  if [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ]; then
    DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086 # several packages
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $2 >/dev/null
  else
    echo "make image needs $1: apt-get install $2" >&2
    exit 1
  fi
}

needs podman "podman buildah runc"
if [ "$BASE" = debian ]; then
  needs debootstrap debootstrap
  BASE=localhost/hotseat-base:debian
  FLAGS="--break-system-packages"
  EXTRA="awslambdaric==4.2.2"
  if ! podman image exists "$BASE"; then
    echo "building a base image from Debian packages (once; about two minutes) ..."
    # apt's own mirror of Debian
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null \
      | grep -m1 'debian/*$' || true)
    root=$(mktemp -d)
    debootstrap --variant=minbase --include=python3,python3-pip,ca-certificates \
      bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >/dev/null
    tar -C "$root" --exclude='./var/cache/apt/archives/*.deb' \
      --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
      --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -c . \
      | podman import --quiet - "$BASE" >/dev/null
    rm -rf "$root"
  fi
fi
# the build uses this machine's pip settings as well
pip_settings=()
for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST; do
  [ -n "${!name:-}" ] && pip_settings+=(--env "$name=${!name}")
done
[ -f /etc/pip.conf ] && pip_settings+=(-v /etc/pip.conf:/etc/pip.conf:ro)
podman build --quiet --isolation chroot --network host ${PLATFORM:+--platform "$PLATFORM"} \
  -v /etc/ssl/certs:/etc/ssl/certs:ro "${pip_settings[@]}" \
  --build-arg "BASE_IMAGE=$BASE" --build-arg "PIP_FLAGS=$FLAGS" \
  --build-arg "EXTRA=$EXTRA" --build-arg "BAKED=$MODEL" \
  --build-arg "PACKAGES=${PACKAGES:-none}" --build-arg "PREPROCESSING=${PREPROCESSING:-}" \
  -t "$NAME" "$CONTEXT" >/dev/null
mkdir -p dist
"$PYTHON" infra/sbom.py --baked "$CONTEXT/baked/$MODEL" --extra "$EXTRA" \
  ${PREPROCESSING:+--preprocessing} --packages "$CONTEXT/packages/${PACKAGES:-none}" \
  > "dist/$NAME.cdx.json"
echo "bill of materials: dist/$NAME.cdx.json"
size() { podman image inspect --format '{{.Size}}' "$1"; }
echo "$NAME: $(( ($(size "$NAME") - $(size "$BASE")) / 1000000 )) MB on top of its base"
