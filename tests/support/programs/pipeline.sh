#!/bin/bash
# pipeline.sh STEPS SECONDS_A_STEP STATUS: three processes, two pipes, and one more process for every wait.
set -o pipefail

produce() {
  local sum=0
  for ((step = 0; step < $1; step++)); do
    sum=$(((sum * 31 + step) % 1000003))
    echo "$step $sum"
    [ "$2" = 0 ] || sleep "$2"
  done
  return "$3"
}

produce "$@" | sed -u 's/^/line /' | tee result.txt
