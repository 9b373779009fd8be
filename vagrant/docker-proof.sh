#!/usr/bin/env bash
# Proves the Vagrantfile with the docker provider: hosts are containers with systemd, on an engine of its own. Run as
# root; needs no network but a Debian mirror, and that only the first time. Takes about a minute, and leaves nothing.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=proof.sh
. "$(dirname "$0")/proof.sh"

inside() {
  furnish docker
  dockerd --data-root "$scratch/docker" --cgroup-parent "/$cgroup" >"$scratch/dockerd.log" 2>&1 &
  until_holds 30 docker version || fail "dockerd does not answer: $(tail -n 20 "$scratch/dockerd.log")"
  docker import "$1" starling-base >"$scratch/log"
  say "dockerd runs in its own network namespace"
  export STARLING_DOCKER_BASE=starling-base
  prove
  [ -z "$(docker ps --all --quiet)" ] || fail "vagrant destroy left a container"
  [ "$(docker network ls --quiet | wc -l)" = 3 ] || fail "vagrant destroy left a network"
}

if [ "${1-}" = inside ]; then
  inside "$2"
  exit
fi
require dockerd:docker.io docker:docker.io vagrant:vagrant debootstrap:debootstrap rsync:rsync ip:iproute2
root=$("$here/debian-root.sh" bookworm "$here/docker/packages")
say "a Debian root with systemd: $(basename "$root")"
enter_wall "$root"
say "docker proof passed"
