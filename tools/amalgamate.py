#!/usr/bin/env python3
"""Builds nn.h from src/ and simd/, and checks the tree while it copies it.

    tools/amalgamate.py            writes nn.h
    tools/amalgamate.py --check    exit status 1 if nn.h is not what it would write

src/nn.h is the root: its opening comment is the manual, its includes are the order. The part of a file before
`#ifdef NN_IMPLEMENTATION` is public and comes first, then the implementations, each after those that it includes.
simd/kernels/ is copied once for each instruction set, with NNI_FN(name) and the names that simd/begin.h lists spelled
out: nni_axpy_avx2, so that grep and the debugger know them.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#include "([^"]+)"', re.M)
NAMES = re.findall(r'^#define (v[fimq]\w*) NNI_FN', (ROOT / 'simd/begin.h').read_text(), re.M)
LAYERS = {'simd': 0, 'src': 1}

used = set()


def fail(message):
    sys.exit(f'amalgamate: {message}')


def read(path):
    if not path.is_file():
        fail(f'{path} does not exist')
    used.add(path)
    return path.read_text()


def body(path):
    """The file without its include guard; the opening comment stays."""
    text = read(path)
    guard = re.search(r'^#ifndef (NN_\w+_H|NN_H)\n#define \1\n', text, re.M)
    if guard:
        end = text.rindex('#endif')
        text = text[:guard.start()] + text[guard.end():end]
    return text


def includes(path, text):
    return [(path.parent / name).resolve() for name in INCLUDE.findall(text)]


def split(path):
    """Public text and implementation of a file of src/."""
    text = body(path)
    mark = '#ifdef NN_IMPLEMENTATION\n'
    if mark not in text:
        return text, ''
    public, rest = text.split(mark, 1)
    if mark in rest:
        fail(f'{path} has two implementation parts: one file, one part')
    return public, rest[:rest.rindex('#endif /* NN_IMPLEMENTATION */')]


def strip_includes(text):
    return INCLUDE.sub('', text)


def kernel(path):
    """A kernel without the lines that let it be compiled alone."""
    text = read(path)
    head = re.search(r'#ifndef NNI_ISA\n#include "[^"]+"\n#else\n', text)
    if not head:
        fail(f'{path} cannot be compiled alone: it must begin with #ifndef NNI_ISA, an include of scalar.h, and #else')
    return text[:head.start()] + text[head.end():text.rindex('#endif /* NNI_ISA */')]


def expand_kernels(path):
    text = kernel(path)
    return re.sub(r'^#include "([^"]+)"\n', lambda m: begin(path.parent / m[1]) + kernel(path.parent / m[1])
                  if m[1].startswith('kernels/') else '', text, flags=re.M)


def isa_file(path):
    """An instruction set with all kernels, every name spelled out."""
    text = body(path)
    isa = re.search(r'^#define NNI_ISA (\w+)$', text, re.M)[1]
    text = text.replace('#include "kernels.h"\n', begin(path.parent / 'kernels.h') + expand_kernels(path.parent / 'kernels.h'))
    for name in ('begin.h', 'end.h'):
        read(path.parent / name)
    limits = re.findall(r'^#undef ((?:VF|NNI)_\w+)$', (path.parent / 'end.h').read_text(), re.M)
    keep = [name for name in limits if re.search(rf'^#define {name}\b', text, re.M) and name != 'NNI_ISA']
    text = text.replace('#include "end.h"\n', ''.join(f'#undef {name}\n' for name in keep))
    text = re.sub(r'^#define NNI_ISA \w+\n', '', strip_includes(text), flags=re.M).replace('NNI_STRING(NNI_ISA)', f'"{isa}"')
    for macro, parameters in re.findall(r'^(#define \w+\((.*?)\)(?:.*\\\n)*.*\n)', text, re.M):  # a parameter must be pasted
        pasted = re.sub(rf'NNI_FN\(({"|".join(re.split(", *", parameters))})\)', rf'nni_##\1##_{isa}', macro)
        text = text.replace(macro, pasted)
    text = re.sub(r'NNI_FN\(([\w#]+)\)', lambda m: f'nni_{m[1]}' + ('##' if '##' in m[1] else '') + f'_{isa}', text)
    return re.sub(r'\b(' + '|'.join(sorted(NAMES, key=len, reverse=True)) + r')\b', lambda m: f'nni_{m[1]}_{isa}', text)


def begin(path):
    return f'\n/* ---- {path.resolve().relative_to(ROOT)} ---- */\n'


def collect():
    """Public and implementation texts in the order of inclusion."""
    public, implementation, open_files = [], [], []

    def visit(path, part, done, out):
        if path in open_files:
            fail('include cycle: ' + ' -> '.join(str(p.relative_to(ROOT)) for p in open_files[open_files.index(path):] + [path]))
        if path in done:
            return
        done.add(path)
        open_files.append(path)
        layer = path.relative_to(ROOT).parts[0]
        if layer == 'simd' and 'NNI_ISA ' in path.read_text():
            if part == 1:
                visits = [p for p in includes(path, body(path)) if p.parent.name == 'src'] + [(ROOT / 'simd/tier.h')]
                for p in visits:
                    visit(p, part, done, out)
                out.append(begin(path) + isa_file(path))
        else:
            parts = split(path)
            for text in parts if part == 1 else parts[:1]:
                for p in includes(path, text):
                    visit(p, part, done, out)
            if parts[part].strip():
                out.append(begin(path) + strip_includes(parts[part]))
        open_files.pop()

    root = ROOT / 'src/nn.h'
    order = includes(root, read(root))
    for part, out in ((0, public), (1, implementation)):
        done = {root}
        for path in order:
            visit(path, part, done, out)
    return public, implementation


def undefine(text):
    """Helper macros end with nn.h."""
    defined = re.findall(r'^#define (NNI_\w+)', text, re.M)
    gone = set(re.findall(r'^#undef (NNI_\w+)', text, re.M))
    return ''.join(f'#undef {name}\n' for name in dict.fromkeys(defined) if name not in gone)


def build():
    manual = read(ROOT / 'src/nn.h').split('#ifndef NN_H')[0]
    public, implementation = collect()
    here = {p for folder in ('src', 'simd') for p in (ROOT / folder).rglob('*.h')}
    if here - used:
        fail('nothing includes ' + ', '.join(sorted(str(p.relative_to(ROOT)) for p in here - used)))
    text = ('/* Generated from src/ and simd/ by `make nn.h` - do not edit. */\n' + manual +
            '#ifndef NN_H\n#define NN_H\n' + ''.join(public) + '\n#endif /* NN_H */\n\n' +
            '#if defined(NN_IMPLEMENTATION) && !defined(NN_IMPLEMENTED)\n#define NN_IMPLEMENTED\n' + ''.join(implementation) +
            '\n' + undefine(''.join(implementation)) + '#endif /* NN_IMPLEMENTATION */\n')
    licence = ''.join(f' * {line}'.rstrip() + '\n' for line in (ROOT / 'LICENSE').read_text().splitlines())
    return re.sub(r'\n{3,}', '\n\n', text) + '\n/*\n' + licence + ' */\n'


def main():
    text, target = build(), ROOT / 'nn.h'
    if sys.argv[1:] == ['--check']:
        if not target.is_file() or target.read_text() != text:
            sys.exit('nn.h is stale: run `make nn.h` and commit it')
    elif sys.argv[1:]:
        sys.exit(__doc__)
    elif not target.is_file() or target.read_text() != text:
        target.write_text(text)


if __name__ == '__main__':
    main()
