#!/usr/bin/env bash
# Makes this checkout able to run a command, then runs it:
#
#   scripts/with-setup.sh [--for demo|test|bench] COMMAND...
#
# npm packages first (among them the Node the project is pinned to), then the Debian packages the purpose needs.
# Says one line for each thing it changes and nothing where there is nothing to do.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

# Runs a command with its output kept back, and shows the end of it only where the command fails.
quietly() {
  local log status=0
  log=$(mktemp)
  "$@" </dev/null >"$log" 2>&1 || status=$?
  [ "$status" = 0 ] || tail -n 30 "$log" >&2
  rm -f "$log"
  return "$status"
}

pinned_node_works() { [ "$("$root/node_modules/node/bin/node" -p '1+1' 2>/dev/null)" = 2 ]; }

packages_are_installed() { node "$root/scripts/installed.mjs" && pinned_node_works; }

npm_packages() {
  { command -v node && command -v npm; } >/dev/null ||
    fail "Node 20 or later with npm is needed to start; the project then uses its own"
  [ "$(node -p 'process.versions.node.split(".")[0] >= 20')" = true ] ||
    fail "this is Node $(node --version); 20 or later is needed to start, the project then uses its own"
  packages_are_installed && return
  [ -w "$root" ] || fail "npm packages are missing and $root is not writable: run this as its owner"
  # One install at a time in one checkout; whoever waited finds the work done.
  exec 9<"$root/package-lock.json"
  flock 9
  if ! packages_are_installed; then
    say "installing npm packages into node_modules (half a minute, once)"
    (cd "$root" && quietly npm ci 9<&-) || fail "npm ci failed"
    pinned_node_works || (cd "$root" && quietly npm rebuild node 9<&-) || true
    pinned_node_works || fail "the pinned Node in node_modules/node does not run on this machine"
  fi
  exec 9<&-
}

# Each line: a program, the Debian package that brings it, and the purposes that need it. A purpose in brackets can do
# without: what it then leaves out says so itself.
programs='
ip         iproute2       demo test bench
bridge     iproute2       demo test bench
ping       iputils-ping   demo test bench
nft        nftables       demo test bench
unshare    util-linux     demo test bench
nsenter    util-linux     demo test bench
iperf3     iperf3         (test) bench
serf       serf           (bench)
dockerd    docker.io      (root-test) (root-bench)
busybox    busybox-static (root-test) (root-bench)
docker-compose docker-compose (root-test)
podman     podman         (root-test)
vagrant    vagrant        (root-test)
debootstrap debootstrap  (root-test)
rsync      rsync          (root-test)
ruby       vagrant        (root-test)
shellcheck shellcheck     (root-test)
shellcheck shellcheck     (test)
faketime   faketime       (test)
'

# Prints the packages of a purpose whose programs are missing.
missing_for() {
  local program package purposes
  while read -r program package purposes; do
    [ -n "$program" ] || continue
    case " $purposes " in *" $1 "*) ;; *) continue ;; esac
    command -v "$program" >/dev/null || printf '%s\n' "$package"
  done <<<"$programs" | sort -u | tr '\n' ' '
}

# Installing a package must not start its daemons beside the operator's: dpkg asks this file first.
policy=/usr/sbin/policy-rc.d
kept_policy=''
restore_policy() { if [ -n "$kept_policy" ]; then mv -f "$kept_policy" "$policy"; else rm -f "$policy"; fi; }

apt_install() {
  if [ -e "$policy" ]; then
    kept_policy=$(mktemp)
    cp -p "$policy" "$kept_policy"
  fi
  trap restore_policy EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  local get=(env DEBIAN_FRONTEND=noninteractive apt-get -y -qq -o DPkg::Lock::Timeout=600)
  local status=0
  # Lists may be missing or too old to name files that still exist; one update settles both.
  "${get[@]}" install --no-install-recommends "$@" ||
    { "${get[@]}" update && "${get[@]}" install --no-install-recommends "$@"; } || status=$?
  restore_policy
  trap - EXIT
  return "$status"
}

# What makes a Debian host for a test asks apt where Debian is, and apt knows that only from its lists.
apt_lists() {
  local lists=(/var/lib/apt/lists/*_Packages*)
  [ ! -e "${lists[0]}" ] || return 0
  say "fetching Debian's package lists"
  quietly apt-get -qq update || say "apt-get update failed: what needs packages is left out"
}

debian_packages() {
  local needed wished all
  [ "$1 $(id -u)" != "test 0" ] || ! command -v apt-get >/dev/null || apt_lists
  needed=$(missing_for "$1")
  wished=$(missing_for "($1)")
  # The engines' tests make hosts out of Docker and Vagrant, which only root can do.
  [ "$(id -u)" != 0 ] || wished+=$(missing_for "(root-$1)")
  all="$needed$wished"
  all=${all% }
  [ -n "${all// /}" ] || return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing Debian packages: $all"
    # shellcheck disable=SC2086
    quietly apt_install $all && return
    [ -z "${needed// /}" ] || fail "apt-get could not install: $needed"
    say "apt-get could not install $all: what needs them is left out"
    return 0
  fi
  say "missing Debian packages; as root: apt-get install -y --no-install-recommends $all"
  [ -z "${needed// /}" ] || exit 1
}

purpose=none
if [ "${1-}" = --for ]; then
  purpose=$2
  shift 2
fi
export PATH="$PATH:/usr/sbin:/sbin"
npm_packages
debian_packages "$purpose"
export PATH="$root/node_modules/.bin:$PATH"
exec "$@"
