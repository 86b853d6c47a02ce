#!/usr/bin/env bash
# run.sh - builds and runs every test configuration that this machine can, and sums up
#
#   tests/run.sh              all of them; the last line is "N passed, N failed, N skipped"
#   tests/run.sh NAME...      those of that name
#   tests/run.sh --list       their names
#   tests/run.sh --bits       writes the hashes in tests/golden anew from the scalar kernels: when bits are meant to change
#   tests/run.sh --exhaustive the accuracy of every function over all 2^32 floats, in both backends
#
# With CI=1 a missing tool is a failure instead of a skip. JOBS says how many configurations run at a time. Output and
# programs are kept in build/tests.
set -u
cd "$(dirname "$0")/.." || exit 1
out=build/tests
strict="-Wall -Wextra -Wpedantic -Wshadow -Werror"

# name | compiler of the tests | compiler of nn.h | flags | maths | sizes (full or quick) | programs | runs on
#
# Compiling nn.h takes up to a minute, so each configuration stands for several things. `bits` are the programs that depend on
# optimisation, threads or maths. The sanitizers have a configuration each: both in one are four times as slow; clang's, slow
# still, has equal bits to show in scalar code alone, which gcc's and the first of AArch64 leave out. The equal_* programs are
# the same for all sizes. What takes long comes first, so that no processor is left without work at the end.
configurations() {
    sed '/^#/d; s/ *| */|/g' <<'END'
gcc             | gcc   | gcc -x c -std=c11         | -O2 -DNN_ZLIB                                              | sleef   | full  | all  |
aarch64         | aarch64-linux-gnu-gcc | aarch64-linux-gnu-gcc -x c -std=c11 | -O2                              | sleef   | quick | all  | qemu-aarch64
gcc-sanitize    | gcc   | gcc -x c -std=c11         | -O0 -g1 -fsanitize=address -fno-sanitize-recover -DNN_ZLIB | sleef   | quick | all  |
clang-sanitize  | clang | clang -x c -std=c11       | -O0 -fsanitize=undefined -fno-sanitize-recover             | builtin | quick | all  |
aarch64-builtin | aarch64-linux-gnu-gcc | aarch64-linux-gnu-g++ -x c++ -std=c++17 | -O1                          | builtin | quick | bits | qemu-aarch64
gcc-openmp      | gcc   | gcc -x c -std=c11         | -O3 -fopenmp                                               | builtin | quick | bits |
clang-openmp    | clang | clang -x c -std=c11       | -O3 -fopenmp                                               | sleef   | quick | bits |
END
}

# ---- results: every line that ends in "N passed, N failed, N skipped" counts ----

passed() { echo "$1: 1 passed, 0 failed, 0 skipped"; }
failed() { echo "$1: 0 passed, 1 failed, 0 skipped"; }
skipped() { # what, why; a missing tool is a failure where everything should be installed
    echo "skipped $1: $2"
    if [ -n "${CI:-}" ]; then failed "$1"; else echo "$1: 0 passed, 0 failed, 1 skipped"; fi
}

# what, command: it must succeed; its output is shown if not
step() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then passed "$what"; else echo "$output"; failed "$what"; fi
}
refuses() { ! "$@"; }

# A test program: it must come to its last line, the count, and its exit status must agree with it.
program() {
    local what=$1 output status count
    shift
    output=$($limit "$@" 2>&1)
    status=$?
    count='[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'
    echo "$output"
    if ! tail -n 1 <<<"$output" | grep -Eq "^[a-z_0-9]+: $count"; then
        failed "$what did not reach its end (exit status $status)"
    elif [ $status != 0 ] && tail -n 1 <<<"$output" | grep -q ' 0 failed'; then
        failed "$what exit status $status"
    fi
}

# A program that hangs fails, where the system can tell.
limit=$(command -v timeout >/dev/null && echo "timeout 600")

has() {
    local tool
    for tool in "$@"; do command -v "$tool" >/dev/null || return 1; done
}

links_sleef() {
    mkdir -p $out
    echo 'float Sleef_finz_expf1_u10purecfma(float); int main(void) { return (int)Sleef_finz_expf1_u10purecfma(0); }' |
        $1 -x c - -o "$out/sleef.$1" -lsleef -lm 2>/dev/null
}

links_zlib() {
    echo '#include <zlib.h>
int main(void) { return zlibVersion() == 0; }' | $1 -x c - -o "$out/zlib.$1" -lz 2>/dev/null
}

# ---- one configuration ----

# The hashes of every equal_* program, for each instruction set and numbers of threads, against the committed ones.
equal() {
    local directory=$1 sizes=$2 runner=$3 isas="avx512 avx2 scalar" counts=3 test isa threads
    case $directory in *aarch64*) isas="neon scalar" ;; esac
    case $(uname -m) in arm64 | aarch64) isas="neon scalar" ;; esac
    case $directory/$sizes in
    */full) counts="1 2 3 7" ;;
    *openmp*) counts="2 7" ;;
    */clang-sanitize/*) isas=scalar ;;
    */gcc-sanitize/* | */aarch64/*) isas=${isas% scalar} ;;
    esac
    for isa in $isas; do
        for test in tests/equal_*.c; do
            for threads in $counts; do
                equal_one "$directory/$(basename "$test" .c)" "$isa" "$threads" "$runner" || break 2
            done
        done
    done
}

# program, instruction set, threads, runner; fails only where the instruction set cannot run
equal_one() {
    local test=$1 isa=$2 threads=$3 runner=$4 status what="${1##*/}, $2, $3 threads" log=${1%/*}/equal.txt
    NN_ISA=$isa $limit $runner "$test" "$threads" >"$log" 2>&1
    status=$?
    if [ $status = 77 ]; then
        echo "equal bits, $isa cannot run here: 0 passed, 0 failed, 1 skipped"
        return 1
    elif [ $status != 0 ]; then
        tail -n 5 "$log"
        failed "$what: exit status $status"
    else
        step "$what" diff "tests/golden/${test##*/}.$(head -n 1 "$log").txt" "$log"
    fi
    return 0
}

# An object exports nn_* alone; tests/nn.c has some names of its own, and what C++ brings is weak.
exports_nn_only() {
    nm -g --defined-only "$1" | awk '$2 !~ /[VW]/ && $3 !~ /^_?(nn|test_nni|test_file)_/ { print; stray = 1 }
        $3 ~ /nn_/ { found = 1 } END { exit stray || !found }'
}
no_stray_avx() { objdump -d --no-show-raw-insn "$1" | python3 tests/isa_check.py; }

# What the compiler made of nn.h.
object() {
    local name=$1 object=$2
    has nm objdump python3 || { skipped "$name object" "needs nm, objdump, python3"; return; }
    step "$name: exports nn_* only" exports_nn_only "$object"
    [ "$(uname -m)" = x86_64 ] && step "$name: has AVX in tagged functions only" no_stray_avx "$object"
}

# The examples, with the nn.h that a configuration has compiled: all of them run, and their figures are the committed ones.
examples() {
    local name=$1 cc=$2 flags=$3 runner=$4 directory=$out/$1
    step "$name: make examples" make -s examples B="$directory" CC="$cc" CFLAGS="$flags"
    step "$name: figures of the examples" figures "$directory" "$runner"
}
figures() { # the directory, and what runs programs of another machine
    # shellcheck disable=SC2086
    tests/figures.sh "$1/examples" $2 >"$1/examples.txt" && diff tests/golden/examples.txt "$1/examples.txt"
}

configuration() {
    local name cc nncc flags maths sizes programs runner test isa directory=$out/$1 libs="-lsleef -lm"
    IFS='|' read -r name cc nncc flags maths sizes programs runner < <(configurations | grep "^$1|")
    echo "== $name: ${nncc%% *} $flags, maths $maths, $sizes sizes, $programs programs${runner:+, under ${runner%% *}}"
    if [ "$runner" = qemu-aarch64 ] && [ ! -e /lib/ld-linux-aarch64.so.1 ]; then # no arm64 libc but the cross compiler's
        runner="qemu-aarch64 -L /usr/aarch64-linux-gnu"
    fi
    has "$cc" "${nncc%% *}" ${runner%% *} || { skipped "$name" "needs $cc, ${nncc%% *} ${runner%% *}"; return; }
    if [ "$maths" = builtin ]; then
        flags="$flags -DNN_NO_SLEEF" libs=-lm
    elif ! links_sleef "$cc"; then
        skipped "$name" "$cc finds no SLEEF (-lsleef)"
        return
    fi
    case $flags in *-DNN_ZLIB*)
        if links_zlib "$cc"; then
            libs="$libs -lz"
        else
            skipped "$name zlib" "$cc finds no zlib (-lz)"
            flags=${flags/-DNN_ZLIB/}
        fi ;;
    esac
    case $nncc in *++*) libs="$libs -lstdc++" ;; esac
    if ! make -s -f tests/config.mk DIR="$directory" CC="$cc" NNCC="${nncc%% *}" NNFLAGS="${nncc#* }" FLAGS="$flags" LIBS="$libs" "$programs"; then
        failed "$name does not build"
        return
    fi
    case $name in *sanitize | aarch64*) ;; *) object "$name" "$directory/nn.o" ;; esac
    [ "$sizes" = quick ] && export NN_TEST_QUICK=1
    for test in tests/test_*.c; do
        test=$directory/$(basename "$test" .c)
        [ "$test" -nt "$directory/nn.o" ] || continue # not among its programs, or left from when it was
        case $test in
        *test_isa) for isa in "" sse9 AVX2 avx512 avx2 neon scalar; do NN_ISA=$isa program "$name test_isa" $runner "$test"; done ;;
        *) program "$name ${test##*/}" $runner "$test" ;;
        esac
    done
    equal "$directory" "$sizes" "$runner"
    case $name in gcc | aarch64) examples "$name" "$cc" "$flags" "$runner" ;; esac
}

# ---- the tree and those who use it ----

# Sources: nn.h is what they make, and each can be read and compiled by itself.
sources() {
    local file declared=-Werror=implicit-function-declaration # only a warning in C11
    echo "== sources"
    has python3 gcc || { skipped sources "needs python3, gcc"; return; }
    step "nn.h is up to date" python3 tools/amalgamate.py --check
    for file in $(find src -name "*.h" | sort); do # the kernels are simd's
        step "$file alone" gcc -std=c11 $declared -fsyntax-only -DNN_IMPLEMENTATION -DNN_SCALAR_ONLY -x c "$file"
    done
    for file in $(find simd -name "*.h" | sort); do
        step "$file alone" gcc -std=c11 $declared -fsyntax-only -DNN_IMPLEMENTATION -x c "$file"
    done
    if has x86_64-w64-mingw32-gcc; then
        step "nn.h for Windows" x86_64-w64-mingw32-gcc -std=c11 -DNN_IMPLEMENTATION -DNN_NO_SLEEF $strict -fsyntax-only -x c nn.h
    else
        skipped "nn.h for Windows" "needs x86_64-w64-mingw32-gcc"
    fi
    mkdir -p $out/examples
    for file in $(python3 tests/examples.py $out/examples); do
        step "example ${file##*/}" gcc -std=c11 -I. -Wall -Wextra -Werror -fsyntax-only "$file"
    done
}

# Users of nn.h with one compiler, in C and in C++.
consumers() {
    local cc=$1 cxx=$2 dir=$out/consumers-$1 c="tests/consumers"
    echo "== consumers, $cc"
    has "$cc" "$cxx" python3 || { skipped "consumers, $cc" "needs $cc, $cxx, python3"; return; }
    mkdir -p "$dir"
    local plain="-DNN_NO_SLEEF $strict" one="-DNN_NO_SLEEF -DNN_SCALAR_ONLY $strict" # linkage does not depend on the kernels
    local in_cxx=$plain
    if [ "$cxx" = g++ ]; then # it is slow to compile all kernels, and makes of them what gcc does
        step "$cxx: all kernels, read" $cxx -x c++ -std=c++17 $plain -fsyntax-only $c/twice.c
        in_cxx=$one
    fi
    step "$cc: included twice" $cc -std=c11 $one $c/twice.c -o "$dir/twice" -lm
    step "$cc: included twice, run" "$dir/twice"
    step "$cxx: included twice" $cxx -x c++ -std=c++17 $in_cxx $c/twice.c -o "$dir/twice++" -lm
    step "$cxx: included twice, run" "$dir/twice++"
    step "$cc: two translation units" $cc -std=c11 $one $c/first.c $c/second.c -o "$dir/two" -lm
    step "$cc: two translation units, run" "$dir/two"
    step "$cc: two private copies" $cc -std=c11 -DNN_STATIC $one $c/first.c $c/second.c -o "$dir/static" -lm
    step "$cc: two private copies, run" "$dir/static"
    step "$cc: private copies export nothing" refuses exports_nn_only "$dir/static"
    step "$cc: declarations, -Wconversion" $cc -std=c11 $strict -Wconversion -fsyntax-only $c/second.c
    step "$cxx: declarations, -Wconversion" $cxx -x c++ -std=c++17 $strict -Wconversion -fsyntax-only $c/second.c
    step "$cc: -ffast-math is refused" refuses $cc -ffast-math -fsyntax-only $c/second.c
    step "$cc: -ffast-math, allowed" $cc -ffast-math -DNN_ALLOW_FAST_MATH -fsyntax-only $c/second.c
    step "$cxx: C++14 is refused" refuses $cxx -x c++ -std=c++14 -fsyntax-only $c/second.c
    [ "$(uname -m)" = x86_64 ] || return
    step "$cc: an untagged function with AVX" $cc -O2 -mavx -c $c/vex.c -o "$dir/vex.o"
    step "$cc: is found" refuses no_stray_avx "$dir/vex.o"
}

# ---- all of it ----

one() {
    case $1 in
    sources) sources ;;
    consumers-gcc) consumers gcc g++ ;;
    consumers-clang) consumers clang clang++ ;;
    *) configuration "$1" ;;
    esac
}

# Builds gcc and gcc-builtin, with all programs or those named.
both() {
    local flags=-O2 libs="-lsleef -lm"
    mkdir -p $out
    links_zlib gcc && flags="-O2 -DNN_ZLIB" libs="$libs -lz"
    make -s -f tests/config.mk DIR=$out/gcc CC=gcc FLAGS="$flags" LIBS="$libs" ${1:+"$out/gcc/$1"} &&
        make -s -f tests/config.mk DIR=$out/gcc-builtin CC=gcc FLAGS="-O2 -DNN_NO_SLEEF" LIBS=-lm ${1:+"$out/gcc-builtin/$1"}
}
bits() {
    local test name
    both || return 1
    for test in tests/equal_*.c; do
        name=$(basename "$test" .c)
        NN_ISA=scalar $out/gcc/"$name" >tests/golden/"$name".sleef.txt &&
            NN_ISA=scalar $out/gcc-builtin/"$name" >tests/golden/"$name".builtin.txt || return 1
    done
    make -s examples B=$out/gcc && NN_ISA=scalar tests/figures.sh $out/gcc/examples >tests/golden/examples.txt
}
exhaustive() { both test_accuracy && $out/gcc/test_accuracy all && $out/gcc-builtin/test_accuracy all; }

list() {
    echo sources
    configurations | cut -d '|' -f 1
    echo consumers-gcc consumers-clang
}

case ${1:-} in
--list) list | tr ' ' '\n'; exit ;;
--bits) bits; exit ;;
--exhaustive) exhaustive; exit ;;
--one) one "$2" >"$out/$2.log" 2>&1; echo "$2 done, $SECONDS s" >&2; exit ;;
esac

mkdir -p $out
names=${*:-$(list)}
for name in $names; do rm -f "$out/$name.log"; done
tr ' ' '\n' <<<"$names" | xargs -n 1 -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" "$0" --one
for name in $names; do cat "$out/$name.log"; done | tee $out/log
for name in $names; do
    [ -s "$out/$name.log" ] || failed "$name" | tee -a $out/log
done
awk '{ if (match($0, /[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$/)) {
           split(substr($0, RSTART), n, /[^0-9]+/); passed += n[1]; failed += n[2]; skipped += n[3] } }
     END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 || passed == 0 }' $out/log
