#!/usr/bin/env python3
"""Reads `objdump -d --no-show-raw-insn` of x86-64 code: fails where a function uses VEX or EVEX instructions (AVX, AVX-512
and the BMI instructions of their age) without _avx2 or _avx512 in its name, or where no function uses any.

    objdump -d --no-show-raw-insn nn.o | tests/isa_check.py
"""
import re
import sys

BMI = 'andn bextr blsi blsmsk blsr bzhi mulx pdep pext rorx sarx shlx shrx'.split()
LEGACY = 'verr verw'.split()  # begin with v, yet are older than AVX


def encoded_with_vex(mnemonic):
    return (mnemonic.startswith('v') and mnemonic not in LEGACY) or mnemonic in BMI or re.match(r'k[a-z]+[bwdq]$', mnemonic)


def main():
    function, tagged, stray = None, 0, {}
    for line in sys.stdin:
        head = re.match(r'[0-9a-f]+ <(.+)>:$', line)
        if head:
            function = head[1]
            continue
        instruction = re.match(r'\s+[0-9a-f]+:\s+(?:\{\w+\}\s+)*(\w+)', line)
        if instruction and encoded_with_vex(instruction[1]):
            if re.search('_avx2|_avx512', function):
                tagged += 1
            else:
                stray.setdefault(function, line.strip())
    for name, line in stray.items():
        print(f'{name} needs AVX: {line}')
    if not stray and not tagged:
        print('no AVX instruction at all: is this the implementation?')
    return 1 if stray or not tagged else 0


if __name__ == '__main__':
    sys.exit(main())
