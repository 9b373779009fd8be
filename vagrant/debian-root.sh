#!/usr/bin/env bash
# Makes a Debian root file system that has some packages, as a tar file, and prints where that is. Run as root:
#
#   debian-root.sh SUITE PACKAGES-FILE...
#
# Made once and kept, under a name that says what went into it, in ${XDG_CACHE_HOME:-~/.cache}/starling.
set -euo pipefail
suite=$1
shift
packages=$(sort -u "$@" | paste -sd,)
# What else decides how it comes out; raise it when this file changes that.
recipe=1

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/starling
tar=$cache/debian-$suite-$(printf '%s' "$recipe $packages" | sha256sum | cut -c1-12).tar

# The mirror that apt uses is the one that is known to answer.
mirror() {
  # shellcheck disable=SC2016 # A field of apt's, not ours.
  apt-get indextargets --format '$(SITE)' 'Created-By: Packages' "Codename: $suite" | sed -n 1p
}

# Runs in namespaces of its own: its memory disk, its mounts, and any daemon that a package starts, end with it.
make() {
  local root=$1
  mount -t tmpfs -o mode=755 root "$root"
  debootstrap --variant=minbase --include="$packages" "$suite" "$root" "$(mirror)"
  # Which mirror it was is nobody's business in there.
  : >"$root/etc/apt/sources.list"
  rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,man,locale}/*
  tar -C "$root" --numeric-owner -cf "$tar.new" --exclude='./proc/*' --exclude='./sys/*' --exclude='./dev/*' .
}

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$tar" ]; then
  [ -n "$(mirror)" ] || {
    echo "apt knows no mirror of Debian $suite: run apt-get update" >&2
    exit 1
  }
  work=$(mktemp -d)
  trap 'rm -rf "$work" "$tar.new"' EXIT
  mkdir "$work/root"
  export suite packages tar
  export -f make mirror
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child --mount-proc --propagation private \
    bash -euo pipefail -c "make '$work/root'" >"$work/log" 2>&1 9>&- || {
    tail -n 20 "$work/log" >&2
    exit 1
  }
  mv "$tar.new" "$tar"
fi
printf '%s\n' "$tar"
