#!/bin/bash
#SBATCH -n 8
#SBATCH -N 1
cd "$SLURM_SUBMIT_DIR" || exit 1
while read -r input; do
  srun -n1 -N1 --exclusive --mem-per-cpu=1G ./simulate "$input" > "out/$(basename "$input").log" &
done < inputs.txt
wait
