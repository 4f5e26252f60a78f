#!/bin/sh
# Tunes the corpus on many machines of one kind, as a Slurm job array: each task takes its share of the layers.
#
#   sbatch examples/autotune/slurm.sh
#   scripts/autotune --merge "$SCRATCH"/tuning-* --report tuning.html      # when all are done
#
# A task that was cut off goes on when it is submitted again.
#SBATCH --job-name=autotune
#SBATCH --array=1-16
#SBATCH --exclusive
#SBATCH --time=00:40:00
#SBATCH --signal=B:INT@120
set -eu
cd "${SLURM_SUBMIT_DIR:?start it with sbatch}"

# In the background and waited for, so that the signal two minutes before the end reaches this shell, which passes it on.
scripts/autotune --corpus --budget 30m --resume \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" \
  --cache-dir "${SCRATCH:?}/tuning-$SLURM_ARRAY_TASK_ID" &
trap 'kill -INT $!; wait $!' INT
wait $!
