#!/bin/bash
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=32
srun --mpi=pmix ./cfd case.in
