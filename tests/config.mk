# config.mk - the test programs of one configuration:
#   make -f tests/config.mk DIR=build/tests/gcc CC=gcc NNCC=gcc FLAGS=-O2 LIBS="-lsleef -lm -ldl" [all | bits | one program]
# The implementation is compiled once, by NNCC; the programs link to it. They have -O1 at most, which takes a third less time
# to compile and does not vectorise, where GCC 12 for AArch64 crashes over test_maths.c.
NNCC = $(CC)
NNFLAGS = -x c -std=c11
WARNINGS = -Wall -Wextra -Werror
PROGRAMS = $(patsubst tests/%.c,$(DIR)/%,$(wildcard tests/test_*.c tests/equal_*.c))

# Those that depend on how nn.h was optimised, on threads and on maths.
BITS = $(filter $(DIR)/equal_% $(addprefix $(DIR)/test_,accuracy conv gemm isa maths threads),$(PROGRAMS))

all: $(PROGRAMS)
bits: $(BITS)

$(DIR)/nn.o: tests/nn.c tests/internal.h nn.h | $(DIR)
	$(NNCC) $(NNFLAGS) $(FLAGS) $(WARNINGS) -c $< -o $@

$(DIR)/%: tests/%.c $(wildcard tests/*.h) nn.h $(DIR)/nn.o
	$(CC) -std=c11 -D_DEFAULT_SOURCE $(FLAGS) $(if $(filter -O2 -O3,$(FLAGS)),-O1) $(WARNINGS) $< $(DIR)/nn.o $(LIBS) -pthread -o $@

$(DIR):
	mkdir -p $@
