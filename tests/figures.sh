#!/bin/sh
# figures.sh - runs every example in its quick mode and prints its figures, and the checksums of the files it leaves
#
#   tests/figures.sh FOLDER [RUNNER...]     the folder of the programs, and what runs them if they are for another machine
#
# Times are left out, and what names the machine: all the rest is the same on every one, and is compared with tests/golden/examples.txt.
set -eu
programs=$(cd "$1" && pwd)
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
NN_QUICK=1 LC_ALL=C
export NN_QUICK LC_ALL
unset NN_DATA
printf '#!/bin/sh\nexit 1\n' >gnuplot # pictures take long, and no two versions draw the same bytes
chmod +x gnuplot
PATH=$folder:$PATH

# Its arguments, of the example that is named so.
example() {
    echo "== $example $*"
    # shellcheck disable=SC2086
    $runner "$programs/$example" "$@" >output 2>&1 || echo "exit status $?" >>output
    sed -E -e '/^nn\.h [0-9.]+(:| on) /d; /(can|cannot) run (here|on)/d; /^learned in /d; /^one image takes /d; /gnuplot|^drew /d' \
        -e 's/ +[0-9.]+ samples\/s .*//' output
}

runner=$*
for program in "$programs"/*; do
    example=${program##*/}
    case $example in
    predict) example digits.safetensors digit.pgm ;; # demo left them
    train_csv)
        awk 'BEGIN { print "width,height,kind"
            for (i = 0; i < 60; i++) printf "%d,%d,%s\n", i % 7 + i % 2 * 4, i % 5 - i % 2, i % 2 ? "iris" : "rose" }' >flowers.csv
        example flowers.csv --label kind --epochs 5 --save flowers.safetensors
        cut -d , -f 1,2 flowers.csv >new.csv
        example --load flowers.safetensors --predict new.csv
        example --load flowers.safetensors --test flowers.csv
        awk 'BEGIN { print "wind,direction,play"
            for (i = 0; i < 40; i++) printf "%d,%s,%s\n", i % 9, substr("ESWN", i % 4 + 1, 1), i % 4 < 2 ? "yes" : "no" }' >weather.csv
        example weather.csv --label play --code binary --epochs 3
        example --help ;;
    mnist_table)
        example
        example --row 7
        rm -f mnist_table_*.safetensors ;; # which hold how long an epoch took
    *) example ;;
    esac
done
rm output gnuplot *.gp
echo "== files"
cksum -- *
