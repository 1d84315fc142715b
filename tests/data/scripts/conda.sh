#!/bin/bash -l
#SBATCH --job-name=train
#SBATCH --output=logs/%x-%j.out    # one a run
#SBATCH --time=1-00:00:00
#SBATCH --cpus-per-task=4 --mem=16G

set -euo pipefail
source "$HOME/miniconda3/etc/profile.d/conda.sh"
conda activate torch
export OMP_NUM_THREADS=${SLURM_CPUS_PER_TASK:-1}
srun --cpu-bind=cores python train.py --epochs 100 "$@"
