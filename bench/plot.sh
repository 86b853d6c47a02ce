#!/bin/sh
# plot.sh - pictures from the CSV files of the benches, by gnuplot
#
#   bench/plot.sh FOLDER             from build/bench/*.csv
#   bench/plot.sh FOLDER CSV...
set -eu
here=$(dirname "$0")
[ $# -ge 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; }
out=$1
shift
[ $# -gt 0 ] || set -- build/bench/*.csv
mkdir -p "$out"
compared=$(mktemp)
trap 'rm -f "$compared"' EXIT

for csv in "$@"; do
    [ -s "$csv" ] || { echo "plot.sh: $csv: no such table" >&2; exit 1; }
    # Ratios need peers, which the scalar tables lack, and some cases of others.
    awk -F, 'NR == 1 || $8 != ""' "$csv" >"$compared"
    [ "$(wc -l <"$compared")" -gt 1 ] || { echo "plot.sh: $csv: nothing to compare, left out" >&2; continue; }
    name=$out/$(basename "$csv" .csv)
    isa=$(sed -n 2p "$csv" | cut -d, -f2)
    case $(basename "$csv") in
    gemm-*) pictures="gemm_ratio gemm_speed" ;;
    *) pictures=maths_ratio ;;
    esac
    for picture in $pictures; do
        gnuplot -e "csv='$compared'; isa='$isa'; out='$name-${picture#*_}.png'" "$here/plots/$picture.gp"
        echo "$name-${picture#*_}.png"
    done
done
