#!/bin/bash
# Keeps NAME in the private zone ZONE: the addresses of all judges that answer at PORT. Each judge adds its own, and
# takes out those that are silent; so none of them is the one that must not break.
# Usage: stay (until it is ended), leave (at shutdown).
set -uo pipefail

ROUND_SECONDS=10
MISSES=6         # a minute of silence, as long as the group's own health check waits
DRAIN_SECONDS=75 # the functions see within 20 s that one has left; then what it has in hand is finished

self=$(curl --silent --fail --retry 10 --retry-all-errors --max-time 5 --header 'Metadata-Flavor: Google' \
  http://metadata.google.internal/computeMetadata/v1/instance/network-interfaces/0/ip) || exit 1
declare -A missed

answers() {
  curl --silent --fail --output /dev/null --max-time 5 "http://$1:$PORT/health"
}

records() {
  /snap/bin/gcloud dns record-sets "$@" --quiet --type=A --zone="$ZONE" --project="$PROJECT"
}

# Looking the name up is cheap, and may be seconds old: what is written starts from what the zone says itself.
change() { # change ADDRESS-THAT-COMES-OR-'' ADDRESS-THAT-GOES...
  local comes=$1 now wanted
  shift
  now=$(records list --name="$NAME" --format='value(rrdatas)') || return
  now=$(tr ';,' '\n\n' <<< "$now" | sed '/^$/d' | sort -u)
  wanted=$(printf '%s\n' $now $comes | sort -u | grep -vxF -f <(printf '%s\n' "$@" -))
  # A name without an address is none. Whoever is the last stays in: the functions keep those that they know.
  if [ -n "$wanted" ] && [ "$wanted" != "$now" ]; then
    records "$([ -n "$now" ] && echo update || echo create)" "$NAME" --ttl=5 --rrdatas="$(paste -sd, <<< "$wanted")"
  fi
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
