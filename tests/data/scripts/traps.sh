#!/bin/bash
#SBATCH --signal=B:USR1@120
scratch=$(mktemp -d)
cleanup() {
  cp -r "$scratch"/. results/
  rm -rf "$scratch"
}
trap cleanup EXIT
trap 'echo "time is nearly over"' USR1
./simulate --scratch "$scratch" &
pid=$!
wait $pid
