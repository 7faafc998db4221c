#!/usr/bin/env bash
# Install the Debian packages of `make deploy-local`: in CI at once, elsewhere after a
# question.
set -euo pipefail
missing=()
for pair in podman:podman buildah:buildah runc:runc debootstrap:debootstrap \
  docker-registry:docker-registry npm:npm; do
  PATH="$PATH:/usr/sbin:/sbin" command -v "${pair%%:*}" >/dev/null \
    || missing+=("${pair##*:}")
done
[ ${#missing[@]} = 0 ] && exit
if [ "$(id -u)" != 0 ]; then
  echo "make deploy-local needs: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
if [ -z "${CI:-}" ]; then
  read -rp "make deploy-local needs ${missing[*]}: install them now? [y/N] " answer \
    || answer=n
  [[ $answer = [yY]* ]] || exit 1
fi
export DEBIAN_FRONTEND=noninteractive
flock /tmp/hotseat-apt.lock sh -c "apt-get update -qq \
  && apt-get install -y -qq --no-install-recommends ${missing[*]}" >/dev/null
