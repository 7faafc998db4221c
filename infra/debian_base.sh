# Sourced: a base image of Debian packages (`debian_base`, which sets BASE), programs that
# are needed (`needs`), and this machine's pip settings for a build (`pip_settings`).
# shellcheck shell=bash
needs() {
  command -v "$1" >/dev/null && return
  if [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ]; then
    # one at a time: tests in other processes install packages, too
    export DEBIAN_FRONTEND=noninteractive
    flock /tmp/hotseat-apt.lock sh -c "apt-get update -qq && apt-get install -y -qq $2" \
      >/dev/null
  else
    echo "make image needs $1: apt-get install $2" >&2
    exit 1
  fi
}

debian_base() {
  needs debootstrap debootstrap
  BASE=localhost/hotseat-base:debian
  exec 9>/tmp/hotseat-base.lock # it is built once
  flock 9
  podman image exists "$BASE" && { exec 9>&-; return; }
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
  exec 9>&-
}

# the build uses this machine's pip settings as well
pip_settings=()
for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_TRUSTED_HOST; do
  [ -n "${!name:-}" ] && pip_settings+=(--env "$name=${!name}")
done
[ -f /etc/pip.conf ] && pip_settings+=(-v /etc/pip.conf:/etc/pip.conf:ro)
