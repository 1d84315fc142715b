#!/bin/bash
#SBATCH -t 24:00:00
dmtcp_coordinator --daemon --exit-on-last -p 0 --port-file port
if [ -z "$SLURM_RESTART_COUNT" ]; then
  dmtcp_launch -h "$(hostname)" -p "$(cat port)" -i 3600 ./simulate input.dat
else
  ./dmtcp_restart_script.sh -h "$(hostname)" -p "$(cat port)"
fi
