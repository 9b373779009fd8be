#!/usr/bin/env bash
# Makes this machine a Starling host, from the copy of a checkout in /starling. Run as root:
#
#   provision.sh ADDRESS           founds a cluster, or goes on in the one on disk
#   provision.sh ADDRESS SEED      joins the cluster of the agent at SEED
#
# ADDRESS is this machine's own on the network that joins the hosts: the route to the outside would be the wrong one,
# and on VirtualBox leads to the same address on every host. Running it again changes what differs and nothing else.
set -euo pipefail
address=$1
seed=${2-}

checkout=/starling
home=/opt/starling
node=$home/node_modules/node/bin/node
config=/etc/starling/config.yaml
# Put there by the Vagrantfile for a host that is no member yet.
handed_token=/run/starling-join-token

changed=''

say() { printf 'starling: %s\n' "$*"; }
fail() {
  printf 'starling: %s\n' "$*" >&2
  exit 1
}

# Puts standard input into a file, and notes whether that changed anything.
put() {
  local mode=$1 path=$2 new
  new=$(mktemp)
  cat >"$new"
  if ! cmp -s "$new" "$path"; then
    install -D -m "$mode" "$new" "$path"
    changed+=" $path"
  fi
  rm -f "$new"
}

programs() {
  local missing=() program
  for program in ip:iproute2 nft:nftables ping:iputils-ping rsync:rsync; do
    command -v "${program%:*}" >/dev/null || missing+=("${program#*:}")
  done
  [ "${#missing[@]}" = 0 ] && return
  say "installing ${missing[*]}"
  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y "${missing[@]}"; } >/dev/null ||
    fail "cannot install ${missing[*]}: use a box that has them, or one that reaches a mirror"
}

software() {
  local differs
  [ -e "$checkout/node_modules/node" ] || fail "$checkout has no node_modules: run 'npm ci' in the checkout"
  differs=$(rsync --archive --chown=root:root --delete --itemize-changes "$checkout/" "$home/")
  [ -z "$differs" ] || changed+=" $home"
  [ "$("$node" -p 1+1 2>&1)" = 2 ] ||
    fail "the checkout's Node does not run here: run 'npm ci' on a Linux machine with this machine's processor"
  ln -sfn "$home/bin/starling" /usr/local/bin/starling
}

# Who may speak to the agent without being root.
group() {
  getent group starling >/dev/null || groupadd --system starling
  ! id vagrant >/dev/null 2>&1 || usermod --append --groups starling vagrant
}

# The lines are JSON values, which YAML has too.
configuration() {
  printf 'bind: "%s"\n' "$address"
  [ -z "$seed" ] || printf 'join: ["%s"]\n' "$seed"
  [ -z "${1-}" ] || printf 'token: "%s"\n' "$1"
}

is_member() { starling status --json | grep -Eq '"state": ?"member"'; } 2>/dev/null

# Started is not yet joined: the agent may have to wait for the seed. It goes on trying, but we say so.
joined() {
  local end=$((SECONDS + 300))
  until is_member; do
    [ "$SECONDS" -lt "$end" ] || return
    sleep 0.5
  done
}

# A host joins once. From then on its certificate is what counts, and the token need not lie about.
service() {
  local token='' start=start
  [ ! -e "$handed_token" ] || token=$(cat "$handed_token")
  put 644 /etc/systemd/system/starling.service <"$checkout/packaging/starling.service"
  put 600 "$config" < <(configuration "$token")
  if [ -n "$changed" ]; then
    systemctl daemon-reload
    start=restart
  fi
  systemctl --quiet enable starling
  { systemctl "$start" starling && joined; } || {
    journalctl --no-pager -n 20 -u starling >&2
    fail "the agent is not a member of a cluster; its last words are above"
  }
  rm -f "$handed_token"
  put 600 "$config" < <(configuration)
}

[ "$(id -u)" = 0 ] || fail "run this as root"
programs
software
group
service
if [ -n "$changed" ]; then say "set up at $address:$changed"; else say "nothing to change"; fi
