#!/usr/bin/env bash
# The walk-through, on hosts that `vagrant up` has made: what an operator types, what comes of it, and whether it is so.
# Needs three hosts or more; ends with all as it was before; exits 1 if a claim did not hold. Works again and again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

network=demo
subnet=10.32.0.0/16
node=$PWD/../node_modules/node/bin/node
held=0 broken=0 step=0
began=$EPOCHREALTIME

work=$(mktemp -d)
finish() {
  local socket
  for socket in "$work"/ssh-*; do
    [ ! -S "$socket" ] || ssh -o ControlPath="$socket" -O exit any >/dev/null 2>&1 || true
  done
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

paint() { if [ -t 1 ]; then printf '\e[%sm%s\e[0m' "$1" "$2"; else printf '%s' "$2"; fi; }
step() {
  step=$((step + 1))
  printf '\n%s\n' "$(paint 1 "$step. $1")"
  fold -s -w 85 <<<"$2" | sed 's/^/   /; s/ *$//'
}
tell() { sed 's/^/     /'; }
since() { "$node" -p "((process.argv[2] - process.argv[1]) * 1000).toFixed(0) + ' ms'" "$1" "$EPOCHREALTIME"; }

# A claim is a text and a command that succeeds exactly if it is true.
claim() {
  local text=$1
  shift
  if "$@"; then
    held=$((held + 1))
    printf '   %s %s\n' "$(paint 32 ✔)" "$text"
  else
    broken=$((broken + 1))
    printf '   %s %s\n' "$(paint 31 '✗ NOT SO:')" "$text"
  fi
}

# Asks again and again, until it is so or time is up. An emulated processor needs more of it.
within() {
  local end=$((SECONDS + $1 * ${STARLING_PATIENCE:-1}))
  shift
  until "$@" 2>/dev/null; do
    [ "$SECONDS" -lt "$end" ] || return
    sleep 0.2
  done
}

# A claim that may take some time to come true.
becomes() {
  local limit=$1 text=$2 from=$EPOCHREALTIME
  shift 2
  if within "$limit" "$@"; then
    claim "$text (after $(since "$from"))" true
  else
    claim "$text, within $((limit * ${STARLING_PATIENCE:-1})) s" false
  fi
}

connect() { vagrant ssh-config "${hosts[@]}" >"$work/config"; }
# One connection to each host, used for all that follows.
on_with_input() {
  local host=$1
  shift
  ssh -F "$work/config" -o ControlMaster=auto -o ControlPersist=60 -o ControlPath="$work/ssh-%n" "$host" -- "$@"
}
on() { on_with_input "$@" </dev/null; }
# What an operator would type, with what it answers. That it succeeds is a claim.
show() {
  local host=$1 status=0
  shift
  printf '     %s\n' "$(paint 36 "$host\$ $*")"
  on "$host" "$@" 2>&1 | tell || status=$?
  [ "$status" = 0 ] || claim "$* succeeds" false
}
# Asks JSON, which it calls `it`.
ask() {
  local question=$1 answer
  shift
  answer=$(on "$@") || return
  "$node" -p "const it = JSON.parse(require('fs').readFileSync(0, 'utf8')); $question" <<<"$answer"
}

members_in_state() {
  [ "$(ask "it.filter((member) => member.state === '$3').length" "$1" starling members --json)" = "$2" ]
}
is_member_in_state() {
  [ "$(ask "it.find((member) => member.name === '$2').state" "$1" starling members --json)" = "$3" ]
}
endpoints_in_state() {
  local question="it.filter((endpoint) => endpoint.state === '$3').length"
  [ "$(ask "$question" "$1" starling endpoint ls --network "$network" --json)" = "$2" ]
}
lacks_endpoint() {
  local question="it.some((endpoint) => endpoint.name === '$2')"
  [ "$(ask "$question" "$1" starling endpoint ls --json)" = false ]
}
on_all() {
  local host
  for host in "${hosts[@]}"; do "$1" "$host" "${@:2}" || return; done
}
on_others() {
  local host
  for host in "${hosts[@]:0:${#hosts[@]}-1}"; do "$1" "$host" "${@:2}" || return; done
}

# An endpoint is named after its host: c2 on host2.
endpoint_of() { printf 'c%s' "${1#host}"; }
field_of() { ask "it.$2" "$1" starling endpoint inspect "$(endpoint_of "$1")" --json; }
attach() { show "$1" sudo starling run --detach --network "$network" --name "$(endpoint_of "$1")" -- sleep infinity; }
# Where an endpoint lives and how the others reach it.
locate() {
  netns[$1]=$(field_of "$1" netns)
  address[$1]=$(field_of "$1" 'addresses[0].split("/")[0]')
}
pings() { on "$1" sudo nsenter "--net=${netns[$1]}" ping -c 3 -i 0.2 -W 5 -q "${address[$2]}" >"$work/ping"; }

# Ends what an earlier run may have left, and what this one made.
tidy() {
  local host spaces='const { netns } = it.filter((one) => one.isLocal && one.name === name)[0] ?? {}; netns ?? ""'
  for host in "${hosts[@]}"; do
    local space
    space=$(ask "const name = '$(endpoint_of "$host")'; $spaces" "$host" starling endpoint ls --json)
    [ -z "$space" ] || on "$host" "sudo ip netns pids ${space##*/} | xargs -r sudo kill"
  done
  for host in "${hosts[@]}"; do within 30 on_all lacks_endpoint "$(endpoint_of "$host")"; done
}
has_network() { [ "$(ask "it.some(({ name }) => name === '$network')" "$1" starling network ls --json)" = true ]; }
has_no_links() { [ -z "$(on "$1" "ip -o link | grep -oE ' slx?-[^:@]+' || true")" ]; }

meet() {
  step "${#hosts[@]} hosts, one cluster" "Vagrant started an agent on each. The first founded a cluster; the others \
joined it by that one's address. There is no other machine."
  show "$first" starling version
  show "$first" starling members
  becomes 30 "every host sees all ${#hosts[@]} alive" on_all members_in_state "${#hosts[@]}" alive
}

join_up() {
  step "A network, and an endpoint on each host" "The network is created on $first only. An endpoint is a process \
with a network namespace of its own; its address comes from the host it is on, without asking anybody."
  show "$first" starling network create "$network" --subnet "$subnet" --wait
  local host
  for host in "${hosts[@]}"; do attach "$host"; done
  becomes 30 "every host knows all ${#hosts[@]} endpoints" on_all endpoints_in_state "${#hosts[@]}" up
  for host in "${hosts[@]}"; do locate "$host"; done
  show "$last" starling endpoint ls
}

ping_across() {
  step "Endpoints reach each other" "Each pings each other one, through the kernels' own VXLAN tunnels."
  local from to
  for from in "${hosts[@]}"; do
    for to in "${hosts[@]}"; do
      [ "$from" = "$to" ] || claim "$(endpoint_of "$from") -> $(endpoint_of "$to") ${address[$to]}" pings "$from" "$to"
    done
  done
  tail -n 1 "$work/ping" | tell
  show "$first" "sudo bridge fdb show | grep ' dst '"
  claim "$first's kernel has one tunnel entry for each endpoint elsewhere" tunnels
}
tunnels() { [ "$(on "$first" "sudo bridge fdb show | grep -c ' dst '")" = "$((${#hosts[@]} - 1))" ]; }

lose() {
  step "$last halts" "Meanwhile the endpoint on $first goes on pinging the one on $second. The others notice; \
nothing that they hold of $last is thrown away, for it may be only out of reach."
  local from ping
  # Pings until it gets a line.
  mkfifo "$work/stop"
  on_with_input "$first" "sudo sh -c 'nsenter --net=${netns[$first]} ping -q -i 0.2 ${address[$second]} & \
    read -r _; kill -INT \$!; wait'" <"$work/stop" >"$work/ping" &
  ping=$!
  exec 7>"$work/stop"
  from=$EPOCHREALTIME
  vagrant halt "$last" >"$work/halt" 2>&1 || { tell <"$work/halt"; claim "vagrant halt $last" false; }
  echo "vagrant halt $last: $(since "$from")" | tell
  becomes 30 "the others show $last unreachable" on_others is_member_in_state "$last" unreachable
  becomes 10 "and its endpoint with it" on_others endpoints_in_state 1 unreachable
  show "$first" starling members
  echo stop >&7
  exec 7>&-
  wait "$ping" || true
  grep transmitted "$work/ping" | tell
  claim "not one of the pings from $(endpoint_of "$first") to $(endpoint_of "$second") was lost" \
    grep -q ' 0% packet loss' "$work/ping"
}

regain() {
  step "$last comes back" "Nobody tells it where the others are, and it needs no token: it remembers. What ran on it \
has ended with it, so its endpoint is withdrawn, and a new one is started."
  local from=$EPOCHREALTIME
  vagrant up "$last" >"$work/up" 2>&1 || { tell <"$work/up"; claim "vagrant up $last" false; }
  echo "vagrant up $last: $(since "$from")" | tell
  connect
  becomes 60 "every host sees all ${#hosts[@]} alive" on_all members_in_state "${#hosts[@]}" alive
  becomes 30 "the endpoint that ended with $last is withdrawn" on_all lacks_endpoint "$(endpoint_of "$last")"
  attach "$last"
  becomes 30 "every host knows the new one" on_all endpoints_in_state "${#hosts[@]}" up
  locate "$last"
  claim "$(endpoint_of "$first") -> $(endpoint_of "$last") ${address[$last]}" pings "$first" "$last"
  claim "$(endpoint_of "$last") -> $(endpoint_of "$second") ${address[$second]}" pings "$last" "$second"
}

leave() {
  step "Nothing is left" "The processes end, their endpoints go, and the network is removed, on $second this time."
  tidy
  show "$second" starling network rm "$network" --wait
  becomes 30 "no kernel holds a bridge or tunnel of it" on_all has_no_links
}

mapfile -t hosts < <(vagrant status --machine-readable | awk -F, '$3 == "state" && $4 == "running" {print $2}')
[ "${#hosts[@]}" -ge 3 ] || { echo "demo.sh needs three running hosts: vagrant up" >&2 && exit 1; }
first=${hosts[0]} second=${hosts[1]} last=${hosts[-1]}
declare -A netns address
connect
tidy
! has_network "$first" || on "$first" starling network rm "$network" --force --wait >"$work/rm"

meet
join_up
ping_across
lose
regain
leave

printf '\n%s\n' "$(paint 1 "$held of $((held + broken)) claims held, in $(since "$began").")"
[ "$broken" = 0 ]
