# shellcheck shell=bash
# What the proofs share. Sourced by them:
#
#   docker-proof.sh, libvirt-proof.sh --enter_wall--> the same script again, inside --prove--> vagrant up, demo.sh, ...
#
# The wall is a network, mount and process namespace: daemons, bridges, firewall rules, mounts and machines in it end
# with its first process, and that ends with us. Files are in a scratch folder; what else lasts is cleaned up by name.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# A machine's cgroups hang below this one, where the engine makes any.
cgroup=starling-proof-${PROOF_ID:-$$}

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# Each argument is a program and the Debian package that brings it.
require() {
  local pair missing=()
  [ "$(id -u)" = 0 ] || fail "run this as root: it makes network namespaces and starts daemons in them"
  for pair; do
    command -v "${pair%:*}" >/dev/null || missing+=("${pair#*:}")
  done
  [ "${#missing[@]}" = 0 ] ||
    fail "missing packages: apt-get install -y --no-install-recommends ${missing[*]}"
  [ -x "$here/../node_modules/node/bin/node" ] || fail "the checkout has no node_modules: run npm ci in it"
}

# Runs a command with its output kept in a file, and shows the end of that only where the command fails.
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 </dev/null && return
  local status=$?
  printf 'failed: %s\n' "$*" >&2
  tail -n 60 "$log" >&2
  return "$status"
}

# Asks a few times a second until it is so.
until_holds() {
  local seconds=$1 end
  end=$((SECONDS + seconds))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return
    sleep 0.2
  done
}

clean_up() {
  # Killed first: the first process inside, with which the kernel ends all others before unshare returns.
  if [ -n "${wall-}" ] && kill -0 "$wall" 2>/dev/null; then
    kill -KILL "$(cat "/proc/$wall/task/$wall/children")" 2>/dev/null || kill -KILL "$wall" || true
    wait "$wall" || true
  fi 2>/dev/null
  find /sys/fs/cgroup -depth -type d -path "*/$cgroup*" -exec rmdir {} + 2>/dev/null || true
  rm -rf --one-file-system "$scratch"
}

# Runs the script's function `inside` behind the wall, and returns what it returns.
enter_wall() {
  scratch=$(mktemp -d)
  trap clean_up EXIT
  trap 'exit 130' INT TERM HUP
  export scratch PROOF_ID=$$ PROOF_STARTED=$SECONDS
  setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private \
    "$0" inside "$@" </dev/null &
  wall=$!
  local status=0
  wait "$wall" || status=$?
  return "$status"
}

# What is true of every proof inside the wall.
furnish() {
  SECONDS=$PROOF_STARTED
  ip link set dev lo up
  mount -t tmpfs -o mode=755 run /run
  mkdir -p /run/lock "$scratch"/{home,vagrant}
  unset "${!DOCKER_@}" "${!VAGRANT_@}" "${!LIBVIRT_@}"
  export HOME=$scratch/home VAGRANT_HOME=$scratch/vagrant VAGRANT_DOTFILE_PATH=$scratch/dot VAGRANT_CWD=$here
  export VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_DEFAULT_PROVIDER=$1
}

# Everything a second provision could touch, and whether the agents ran on.
state() {
  local host
  for host in "${hosts[@]}"; do
    # shellcheck disable=SC2016 # The host expands it.
    ssh -F "$scratch/ssh" "$host" '
      printf "%s %s\n" "$(hostname)" "$(cat /etc/machine-id)"
      systemctl show --property MainPID,ActiveEnterTimestampMonotonic,NRestarts starling
      sudo find /opt/starling /etc/starling /etc/systemd/system/starling.service -printf "%p %T@ %m\n" |
        LC_ALL=C sort | sha256sum' </dev/null
  done
}

# What the agents said, for whoever has to find out why a claim did not hold.
last_words() {
  local host
  for host in "${hosts[@]}"; do
    printf '\n%s:\n' "$host"
    vagrant ssh "$host" -c 'systemctl status --no-pager starling; sudo journalctl --no-pager -n 60 -u starling' 2>&1 ||
      true
  done
}

# The story itself, whatever the hosts are made of.
prove() {
  local hosts before after
  quietly "$scratch/log" vagrant validate
  say "vagrant validate: the Vagrantfile is valid for $VAGRANT_DEFAULT_PROVIDER"
  quietly "$scratch/log" timeout --kill-after=20 1500 vagrant up
  say "vagrant up: every host runs an agent"
  mapfile -t hosts < <(vagrant status --machine-readable | awk -F, '$3 == "state" && $4 == "running" {print $2}')
  "$here/demo.sh" || {
    last_words
    fail "demo.sh: not every claim held"
  }
  say "demo.sh: every claim held"
  vagrant ssh-config "${hosts[@]}" >"$scratch/ssh"
  before=$(state)
  [ "$(grep -E '^host' <<<"$before" | cut -d' ' -f2 | sort -u | wc -l)" = "${#hosts[@]}" ] ||
    fail "hosts share a machine-id, and so would the MACs that systemd gives to their links"
  quietly "$scratch/log" vagrant provision
  after=$(state)
  if [ "$before" != "$after" ]; then
    diff <(printf '%s\n' "$before") <(printf '%s\n' "$after") || true
    fail "a second vagrant provision changed something"
  fi
  say "vagrant provision, a second time: nothing changed on ${#hosts[@]} hosts"
  quietly "$scratch/log" vagrant destroy --force
  [ -z "$(vagrant status --machine-readable | awk -F, '$3 == "state" && $4 != "not_created"')" ] ||
    fail "vagrant destroy left a host"
  say "vagrant destroy: no host is left"
}
