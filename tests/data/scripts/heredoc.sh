#!/bin/sh
#SBATCH -t 30
cat > run.in <<EOF
# srun --pty is only text here
job $SLURM_JOB_ID
dmtcp_launch ./x
EOF
cat <<-'END' >> run.in
	srun -N 4 ./y
	END
./solver < run.in | tee solver.log
