#!/usr/bin/env python3
"""Extracts the C examples of the manual (the opening comment of nn.h) and of README.md, a file each.

    tests/examples.py DIRECTORY        prints the files it wrote

An example of the README is a block fenced by ```c. One of the manual is a run of lines indented by at least four blanks
after the comment's star (blank lines within do not end it) in which a line ends in ; or {, which tells C from commands.
An example with #include is a whole file. Any other is the body of a function that returns int, after #include "nn.h" and the
usual headers: it must declare what it uses. Examples must compile, link and not warn; they are not run.
"""
import pathlib
import re
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
WRAP = '''#define NN_IMPLEMENTATION
#include "nn.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int example(void);
int example(void) {{
{}
    return 0;
}}

int main(void) {{ return 0; }}
'''


def manual_blocks():
    comment = (ROOT / 'nn.h').read_text().split('#ifndef NN_H')[0]
    lines = [re.sub(r'^ \*(/$)?', '', line) for line in comment.splitlines()]
    block = []
    for line in lines + ['end']:
        if line.startswith('     ') or (block and not line.strip()):  # the blank after the star, and four
            block.append(line)
        elif block:
            yield textwrap.dedent('\n'.join(block)).strip('\n')
            block = []


def readme_blocks():
    readme = ROOT / 'README.md'
    return re.findall(r'^```c\n(.*?)^```', readme.read_text(), re.M | re.S) if readme.is_file() else []


def main():
    directory = pathlib.Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    manual = [block for block in manual_blocks() if re.search(r'[;{]\s*(/\*.*)?$', block, re.M)]
    for name, blocks in (('manual', manual), ('readme', readme_blocks())):
        for i, block in enumerate(blocks, 1):
            path = directory / f'{name}_{i}.c'
            path.write_text(block if '#include' in block else WRAP.format(textwrap.indent(block, '    ')))
            print(path)


if __name__ == '__main__':
    main()
