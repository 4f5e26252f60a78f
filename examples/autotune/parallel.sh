#!/bin/sh
# Tunes the corpus on the machines of a list, over ssh with GNU parallel, and brings the results together here. Each machine
# has this repository, built, at the same path.
#
#   examples/autotune/parallel.sh HOSTS        one host a line
set -eu
hosts=${1:?a file with one host a line}
count=$(grep --count . "$hosts")
repository=$(pwd)
results=$(mktemp --directory)

# One job for each host, on which it is alone.
seq "$count" | parallel --sshloginfile "$hosts" --jobs 1 --line-buffer --tag \
  "cd '$repository' && scripts/autotune --corpus --budget 30m --resume --shard {}/$count --cache-dir '$repository/out/tuning'"
grep . "$hosts" | parallel --jobs 8 "mkdir '$results'/{#} && scp -q -r {}:'$repository/out/tuning/tuning' '$results'/{#}/"
scripts/autotune --merge "$results"/* --report tuning.html
