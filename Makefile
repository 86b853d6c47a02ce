# Makefile - `make help` lists what it does. nn.h itself needs no build: copy it.
CC ?= cc
CFLAGS ?= -O2 -Wall -Wextra
PREFIX ?= /usr/local
B = build

# exp and log come from SLEEF where its library is found, else from nn.h itself.
SLEEF := $(shell mkdir -p $(B) && echo 'float Sleef_finz_expf1_u10purecfma(float); \
  int main(void) { return (int)Sleef_finz_expf1_u10purecfma(0); }' | $(CC) -x c - -o $(B)/sleef $(LDFLAGS) -lsleef -lm 2>&1 || echo no)
ifeq ($(SLEEF),)
LIBS = -lsleef -lm
else
LIBS = -lm
override CFLAGS += -DNN_NO_SLEEF
NOTE = echo 'SLEEF (-lsleef) was not found: building with NN_NO_SLEEF, the built-in exp and log.' &&
endif

# With zlib, where it is found, the loaders read .gz files as they are.
ZLIB := $(shell echo 'char *zlibVersion(void); int main(void) { return !zlibVersion(); }' | $(CC) -x c - -o $(B)/zlib $(LDFLAGS) -lz 2>&1 || echo no)
ifeq ($(ZLIB),)
LIBS += -lz
override CFLAGS += -DNN_ZLIB
endif

EXAMPLES = $(patsubst examples/%.c,$(B)/examples/%,$(wildcard examples/*.c))

.PHONY: help demo examples test test-exhaustive bits goldens bench bench-plots bench-tables install deps clean
help: ## this list
	@sed -n 's/^\([a-z.-]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

demo: $(B)/examples/demo ## learn digits in half a minute, test, save, load: examples/demo.c
	$< $(B)

examples: $(EXAMPLES) ## build every example

# nn.h takes half a minute to compile, so the examples share one object; NN_IMPLEMENTED leaves the implementation out of them.
$(B)/nn.o: nn.h
	@mkdir -p $(@D)
	@$(NOTE) printf '#define NN_IMPLEMENTATION\n#include "nn.h"\n' | $(CC) -std=c11 -I. $(CFLAGS) -x c -c - -o $@

$(B)/examples/%: examples/%.c $(wildcard examples/*.h) $(B)/nn.o
	@mkdir -p $(@D)
	@$(CC) -std=c11 -I. $(CFLAGS) -DNN_IMPLEMENTED $< $(B)/nn.o -o $@ $(LDFLAGS) $(LIBS)

test: ## build and run all tests; skips what the machine lacks and says so
	tests/run.sh

test-exhaustive: ## the accuracy of exp, log, tanh, ... over all 2^32 floats, in both backends (an hour)
	tests/run.sh --exhaustive

bits: ## record the hashes of all results anew, when their bits are meant to change
	tests/run.sh --bits

goldens: ## record the results of PyTorch, OpenCV, SciPy and PIL anew, which the tests compare ours with
	for script in tests/torch/[a-z]*.py tests/opencv/[a-z]*.py; do /usr/bin/python3 $$script || exit 1; done

bench: nn.h ## measure against what is installed: tables in build/bench
	CC='$(CC)' LDLIBS='$(LDFLAGS) $(LIBS) -ldl' bench/run.sh

bench-plots: ## pictures of the last bench run
	bench/plot.sh docs/pictures $(B)/bench/*.csv

bench-tables: ## figures of the last bench run into README.md and docs/benchmarks.md
	python3 bench/tables.py $(B)/bench

nn.h: $(wildcard src/*.h src/*/*.h simd/*.h simd/kernels/*.h) tools/amalgamate.py ## join src/ and simd/ into nn.h
	python3 tools/amalgamate.py
	@touch $@

install: ## nn.h and nn.pc under PREFIX
	install -d $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 nn.h $(DESTDIR)$(PREFIX)/include/nn.h
	printf 'prefix=%s\n\nName: nn\nDescription: neural networks on the CPU in one header\nVersion: %s\nCflags: -I$${prefix}/include\nLibs: -lsleef -lm\n' \
	  '$(PREFIX)' "$$(sed -n 's/^#define NN_VERSION "\(.*\)"/\1/p' nn.h)" >$(DESTDIR)$(PREFIX)/lib/pkgconfig/nn.pc

DEBIAN = gcc g++ clang libclang-rt-dev libomp-dev python3 binutils libsleef-dev gcc-mingw-w64-x86-64-win32 qemu-user gcc-aarch64-linux-gnu g++-aarch64-linux-gnu libsleef-dev:arm64 \
  libopenblas-dev libblis-dev libdnnl-dev libxsmm-dev libopencv-dev zlib1g-dev gnuplot-nox
deps: ## install what tests and benches use (Debian, as root); elsewhere names it
	@if command -v apt-get >/dev/null; then \
	  dpkg --add-architecture arm64 && apt-get update -q && apt-get install -y -q --no-install-recommends $(DEBIAN); \
	else \
	  echo 'Homebrew: brew install sleef libomp openblas onednn gnuplot'; \
	  echo 'dnf:      dnf install gcc gcc-c++ clang libomp-devel python3 sleef-devel qemu-user gcc-aarch64-linux-gnu openblas-devel blis-devel onednn-devel zlib-devel gnuplot'; \
	fi

clean: ## remove build/
	rm -rf $(B)
