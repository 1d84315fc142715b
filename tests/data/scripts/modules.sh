#!/bin/bash
#SBATCH --partition=long --ntasks=4
module purge
module load gcc/12 hdf5
[ -d results ] || mkdir results
for seed in $(seq 1 4); do
  echo "seed $seed on $(hostname)"
done
srun --ntasks=4 --label ./sample results
