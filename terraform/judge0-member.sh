#!/bin/bash
# Keeps NAME in the private zone ZONE: the addresses of all judges that answer at PORT. Each judge adds its own, and
# takes out those that are silent; so none of them is the one that must not break.
# Usage: stay (until it is ended), leave (at shutdown).
set -uo pipefail

ROUND_SECONDS=10
MISSES=6         # a minute of silence, as long as the group's own health check waits
DRAIN_SECONDS=70 # the functions see within 20 s that one has left; then what it has in hand is finished
TRIES=5
METADATA=http://metadata.google.internal/computeMetadata/v1/instance
DNS=https://dns.googleapis.com/dns/v1/projects/$PROJECT/managedZones/$ZONE

ask() {
  curl --silent --fail --max-time 5 "$@"
}

self=$(ask --retry 10 --retry-all-errors --header 'Metadata-Flavor: Google' $METADATA/network-interfaces/0/ip) || exit 1
declare -A missed

answers() {
  ask --output /dev/null "http://$1:$PORT/health"
}

# By REST: gcloud on this image is a snap, and no snap starts any more once the machine shuts down. The token is in no
# command line, for everybody may read those.
dns() { # dns PATH OPTION...
  local path=$1 token
  shift
  token=$(ask --header 'Metadata-Flavor: Google' $METADATA/service-accounts/default/token) || return
  token=$(grep -o '"access_token": *"[^"]*"' <<< "$token" | cut -d '"' -f 4)
  ask --header @<(printf 'Authorization: Bearer %s\n' "$token") "$@" "$DNS/$path"
}

# The name's record of these addresses, as the API writes it.
record() { # record TTL ADDRESS...
  local ttl=$1 quoted
  shift
  quoted=$(printf '"%s",' "$@")
  echo "[{\"name\":\"$NAME\",\"type\":\"A\",\"ttl\":$ttl,\"rrdatas\":[${quoted%,}]}]"
}

# Looking the name up is cheap, and may be seconds old: what is written starts from what the zone says itself. It takes
# the old record's place only where that is still there as it was read; so of machines that write at once one is told
# to look again.
change_once() { # change_once ADDRESS-THAT-COMES-OR-'' ADDRESS-THAT-GOES...
  local comes=$1 zone listed now wanted ttl body
  shift
  zone=$(dns "rrsets?name=$NAME&type=A") || return
  listed=$(grep -oE '"[0-9]+(\.[0-9]+){3}"' <<< "$zone" | tr -d '"')
  now=$(sort -u <<< "$listed")
  ttl=$(grep -oE '"ttl": *[0-9]+' <<< "$zone" | grep -oE '[0-9]+')
  wanted=$(printf '%s\n' $now $comes | sort -u | grep -vxF -f <(printf '%s\n' "$@" -))
  # A name without an address is none. Whoever is the last stays in: the functions keep those that they know.
  if [ -n "$wanted" ] && [ "$wanted" != "$now" ]; then
    body="\"additions\":$(record 5 $wanted)"
    if [ -n "$now" ]; then body="\"deletions\":$(record "$ttl" $listed),$body"; fi
    dns changes --output /dev/null --header 'Content-Type: application/json' --data "{$body}"
  fi
}

change() {
  local try
  for ((try = 1; try <= TRIES; try++)); do
    if change_once "$@"; then return; fi
    sleep "0.$((RANDOM % 9 + 1))"
  done
  echo "judge0-member: the zone could not be changed" >&2
  return 1
}

look_round() {
  local listed each comes='' gone=()
  listed=$(getent ahostsv4 "$NAME" | awk '{print $1}' | sort -u)
  for each in $listed; do
    if answers "$each"; then missed[$each]=0; else missed[$each]=$((${missed[$each]:-0} + 1)); fi
    [ "${missed[$each]}" -lt "$MISSES" ] || gone+=("$each")
  done
  if ! grep -qxF "$self" <<< "$listed" && answers "$self"; then comes=$self; fi
  if [ -n "$comes" ] || [ "${#gone[@]}" -gt 0 ]; then change "$comes" "${gone[@]}"; fi
}

case $1 in
  stay)
    while true; do
      look_round
      sleep "$ROUND_SECONDS"
    done
    ;;
  leave)
    change '' "$self"
    sleep "$DRAIN_SECONDS"
    ;;
esac
