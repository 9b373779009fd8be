#!/usr/bin/env bash
# Runs every check, quick ones first, and goes on past failures so that one run shows them all:
#
#   scripts/test.sh [types] [lint] [unit] [simulation] [lab] [docker] [machines]      no name: all of them
#
# Its last line is `N passed, N failed, N skipped`: mocha's own counts (test/reporter.ts) added up. What cannot count
# for itself (types, lint, a mocha that died, something left behind) adds one failure; nothing but mocha adds a pass.
# shellcheck disable=SC2046 # File names here hold no spaces: the tidy test sees to it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PWD/node_modules/.bin:$PATH:/usr/sbin:/sbin"

# On a machine that judges changes mocha would colour what nobody sees. Not by NO_COLOR: what is tested heeds that too.
mocha=(mocha)
[ -t 1 ] || mocha+=(--no-color)

passed=0 failed=0 skipped=0
troubles=()
results=$(mktemp)
# Whatever a check starts inherits this, so what outlives its check can be told from everybody else's processes.
mark="STARLING_TEST_RUN=$$-$RANDOM$RANDOM"
running=''

trouble() {
  troubles+=("$*")
  failed=$((failed + 1))
}

# Runs a command under a time limit, in a process group that ends with it and with us.
limited() {
  local seconds=$1 status=0
  shift
  env "$mark" "STARLING_TEST_RESULTS=$results" timeout --kill-after=20 "$seconds" "$@" </dev/null &
  running=$!
  wait "$running" || status=$?
  running=''
  [ "$status" != 124 ] || echo "stopped after $seconds seconds: $*"
  return "$status"
}

interrupted() {
  [ -z "$running" ] || { kill -TERM "$running" && wait "$running"; } 2>/dev/null || true
  leftovers >/dev/null || true
  rm -f "$results"
  exit 130
}
trap interrupted INT TERM HUP

# A check without tests: silent counts, loud failure.
check() {
  local name=$1
  shift
  printf '\n== %s\n' "$name"
  limited 300 "$@" || trouble "$name: failed"
}

# A mocha run. Its exit code, its results and a count of at least one test must all agree that it is well.
tests() {
  local name=$1 seconds=$2 status=0 counts p f s
  shift 2
  printf '\n== %s\n' "$name"
  : >"$results"
  limited "$seconds" "$@" || status=$?
  if ! counts=$(node scripts/counts.mjs "$results"); then
    trouble "$name: ended with $status before mocha had results"
    return
  fi
  read -r p f s <<<"$counts"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  if [ "$f" != 0 ]; then
    troubles+=("$name: $f failed")
  elif [ "$p$s" = 00 ]; then
    trouble "$name: there is no test"
  elif [ "$status" != 0 ]; then
    trouble "$name: ended with $status though no test failed"
  fi
}

marked_processes() { grep -slzx "$mark" /proc/[0-9]*/environ | cut -d/ -f3; }

# Names the processes that outlived their check, and ends them.
leftovers() {
  local pid tries found=()
  # A daemon that was told to end may take a moment.
  for ((tries = 1; tries <= 10; tries += 1)); do
    mapfile -t found < <(marked_processes)
    [ "${#found[@]}" != 0 ] || return 0
    [ "$tries" = 10 ] || sleep 0.5
  done
  for pid in "${found[@]}"; do
    printf '%s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || true)"
    kill -KILL "$pid" 2>/dev/null || true
  done
  return 1
}

# The names of what the kernel holds here that a test might forget.
kernel_objects() {
  ip netns list | awk '{print "namespace " $1}'
  ip -o link | awk -F': ' '{sub(/@.*/, "", $2); print "link " $2}'
  # The first namespace anybody makes turns /run/netns into a mount, for good.
  mount | awk '$3 != "/run/netns" {print "mount " $3}'
  [ "$(id -u)" != 0 ] || nft list tables | awk '{print "nftables " $0}'
}

report_left_behind() {
  local left
  if ! left=$(leftovers); then
    printf '\nprocesses left behind (now ended):\n%s\n' "$left"
    trouble "processes left behind"
  fi
  left=$(comm -13 <(echo "$objects_before" | sort) <(kernel_objects | sort))
  [ -n "$left" ] || return 0
  printf '\nnew on this machine since the tests began:\n%s\n' "$left"
  # On a machine that is only ours it was the tests; elsewhere anybody may have made it.
  [ "${CI-}" != true ] || trouble "kernel objects left behind"
}

# Whole clusters by the hundred: on all cores, and not slowed down by counting lines.
simulations='^test/simulation/(simulation|plants)\.test\.ts$'

spec() { find "$@" -name '*.test.ts' 2>/dev/null | sort; }

[ $# != 0 ] || set -- types lint unit simulation lab docker machines
objects_before=$(kernel_objects)
for group in "$@"; do
  case $group in
    types) check types tsc -p tsconfig.json ;;
    lint) check lint biome check --error-on-warnings . ;;
    unit) tests unit 1200 c8 "${mocha[@]}" $(spec test | grep -Ev "^test/(lab|docker|vagrant)/|$simulations") ;;
    simulation) tests simulation 600 "${mocha[@]}" $(spec test/simulation | grep -E "$simulations") ;;
    lab) tests lab 1500 node test/lab/enter.ts "${mocha[@]}" $(spec test/lab) ;;
    docker) tests docker 900 node test/lab/enter.ts "${mocha[@]}" $(spec test/docker) ;;
    machines) tests machines 1800 "${mocha[@]}" $(spec test/vagrant) ;;
    *) echo "usage: scripts/test.sh [types] [lint] [unit] [simulation] [lab] [docker] [machines]" >&2 && exit 2 ;;
  esac
done
report_left_behind
rm -f "$results"

if [ "${#troubles[@]}" != 0 ]; then
  printf '\nnot well:\n'
  printf '  %s\n' "${troubles[@]}"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
