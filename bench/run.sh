#!/bin/sh
# run.sh - builds the benches and runs them for every instruction set of this machine
#
#   bench/run.sh                     everything: tables, CSV files and their summaries in build/bench
#   bench/run.sh --quick             options go to the benches as they are
#   BENCHES=gemm ISAS=avx2 bench/run.sh
#   taskset -c 0 bench/run.sh        on one processor, which gives the steadiest figures
set -eu
cd "$(dirname "$0")/.."

: "${CC:=cc}" "${CFLAGS:=-O2}" "${LDLIBS:=-lsleef -lm -ldl}" "${OUT:=build/bench}"
: "${BENCHES:=gemm maths conv layers optim image}" "${ISAS:=avx512 avx2 neon}" # scalar has no peers
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)

# Debian has libxsmm as an archive only; the benches look for a shared library.
if [ ! -f "$OUT/libxsmm.so" ]; then
    $CC -shared -o "$OUT/libxsmm.so" -Wl,--whole-archive -lxsmm -lxsmmnoblas -Wl,--no-whole-archive -lpthread -ldl -lm \
        2>/dev/null || rm -f "$OUT/libxsmm.so"
fi

# OpenCV is C++: a library of C functions around it, where its headers are.
: "${CXX:=c++}" "${OPENCV:=$(pkg-config --cflags --libs opencv4 2>/dev/null || echo -I/usr/include/opencv4 -lopencv_imgproc -lopencv_core)}"
if [ ! -f "$OUT/libopencv_peer.so" ]; then
    # shellcheck disable=SC2086
    $CXX -std=c++11 -O2 -shared -fPIC bench/opencv_peer.cpp -o "$OUT/libopencv_peer.so" $OPENCV 2>/dev/null || rm -f "$OUT/libopencv_peer.so"
fi
LD_LIBRARY_PATH="$OUT${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
export LD_LIBRARY_PATH

failed=0
for bench in $BENCHES; do
    $CC -std=c11 $CFLAGS -DBENCH_FLAGS="\"$CFLAGS\"" -I. "bench/bench_$bench.c" -o "$OUT/bench_$bench" $LDLIBS
    for isa in $ISAS; do
        "$OUT/bench_$bench" --isa "$isa" --list >/dev/null 2>&1 || continue # this machine does not have it
        name=$OUT/$bench-$isa
        { "$OUT/bench_$bench" --isa "$isa" --csv "$name.csv" "$@" || echo "exit status $?"; } 2>&1 | tee "$name.txt"
        if tail -n 1 "$name.txt" | grep -q '^exit status'; then failed=1; fi
    done
done
exit $failed
