#!/usr/bin/env python3
"""Writes the figures of the last bench run into README.md and docs/benchmarks.md.

    bench/tables.py DIRECTORY       where bench/run.sh left its tables, usually build/bench

A table of the README stands between <!-- bench NAME --> and <!-- end -->, NAME being a function below; where the run lacks
that bench it stays as it is. docs/benchmarks.md is the whole output that is there. Sentences that quote figures are not changed:
read them again.
"""
import csv
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ISAS = ('avx512', 'avx2')
TITLES = {'gemm': 'Products', 'maths': 'Functions', 'conv': 'Convolutions', 'layers': 'Layers and networks',
          'optim': 'Optimizers', 'image': 'Images'}
WIDTHS = {'avx512': 'AVX-512', 'avx2': 'AVX2, peers held to AVX2', 'neon': 'NEON'}


class Run:
    def __init__(self, directory):
        self.directory = directory

    def rows(self, bench, isa):
        path = self.directory / f'{bench}-{isa}.csv'
        return {row['case']: row for row in csv.DictReader(path.read_text().splitlines())} if path.is_file() else {}

    def text(self, bench, isa):
        path = self.directory / f'{bench}-{isa}.txt'
        return path.read_text().rstrip() if path.is_file() else None

    def summary(self, bench, isa):
        """The lines of the summary: against whom, cases, geometric mean, under 1.00, under 0.95, worst, at which case."""
        text = self.text(bench, isa)
        for line in text[text.index('speed against'):].splitlines()[1:]:
            match = re.match(r'(.+?)\s{2,}(\d+)\s+([\d.]+)\s+(\d+)\s+(\d+)\s+([\d.]+)\s+(.*)', line)
            if match:
                yield match.groups()


def table(head, rows):
    return ['| ' + ' | '.join(head) + ' |', '| --- |' + ' --: |' * (len(head) - 1)] + ['| ' + ' | '.join(row) + ' |' for row in rows]


def short(value):
    value = float(value)
    return f'{value:.3g}' if value < 1000 else f'{value:.0f}'


def against(run, bench, isa):
    names = {'the best peer of each': '**the best peer of each case**', '..., generated apart': 'the same, without libxsmm'}
    head = (f'{WIDTHS[isa]}: speed against', 'cases', 'geometric mean', 'under 1.00', 'under 0.95', 'worst')
    rows = [(names.get(n, n), c, mean, one, near, f'{worst} at {at.strip()}') for n, c, mean, one, near, worst, at in run.summary(bench, isa)]
    return table(head, rows)


def cells(row, limit):
    if row is None or not row['best_peer']:
        return ('-',) * (4 if limit else 3)
    cell = (short(row['ours']), f"{short(row['best_peer'])} {row['best_peer_name']}", f"{float(row['ratio']):.2f}")
    return cell + ((f"{float(row['share_of_limit']):.2f}" if row['share_of_limit'] else '-',) if limit else ())


def cases(run, bench, names=None, limit=False):
    """A row for each case that a peer has, too; instruction sets that were not measured are left out."""
    measured = {isa: run.rows(bench, isa) for isa in ISAS if run.rows(bench, isa)}
    head = ['case']
    for isa in measured:
        head += ['AVX-512' if isa == 'avx512' else 'AVX2', 'best peer', 'ratio'] + (['share of limit'] if limit else [])
    first = measured[ISAS[0]]
    wanted = [name for name in (names or first) if name in first and first[name]['best_peer']]
    return table(head, [(name,) + sum((cells(rows.get(name), limit) for rows in measured.values()), ()) for name in wanted])


def gemm_summary(run):
    return against(run, 'gemm', 'avx512') + [''] + against(run, 'gemm', 'avx2')


def gemm(run):
    names = [f'cube {n}' for n in (4, 16, 64, 128, 256, 512, 1024, 2048)]
    names += [f'b{b} {layer} {product}' for b in (1, 6, 50, 256) for layer in ('784x300', '2500x2000') for product in ('XW', 'XtdY', 'dYWt')]
    return cases(run, 'gemm', names, limit=True)


def maths(run):
    return cases(run, 'maths', ['exp 64K', 'log 64K', 'tanh 64K', 'sigmoid 64K', 'softmax 64x1000', 'softmax 50x10', 'log_softmax 64x1000',
                                'relu 4K', 'add 64K', 'sum 64K', 'dot 64K', 'uniform 64K', 'normal 64K', 'mask 64K'])


def conv(run):
    return cases(run, 'conv', limit=True)


def layers(run):
    return cases(run, 'layers')


def optim(run):
    return cases(run, 'optim', limit=True)


def image(run):
    return cases(run, 'image')


def main():
    run = Run(pathlib.Path(sys.argv[1]).resolve())
    readme = ROOT / 'README.md'
    tables = {f.__name__: f for f in (gemm_summary, gemm, maths, conv, layers, optim, image)}

    def fill(m):
        measured = run.rows(m[2].split('_')[0], ISAS[0])
        return m[1] + '\n' + '\n'.join(tables[m[2]](run)) + '\n\n' + m[3] if measured else m[0]

    readme.write_text(re.sub(r'(<!-- bench (\w+) -->\n).*?(<!-- end -->)', fill, readme.read_text(), flags=re.S))
    text = ('# Benchmarks\n\nThe whole output of `make bench` on the machine that the README describes. `limit` is what the hardware can do, '
            'measured in the\nsame run: the FMA peak, or the bandwidth bound of the case; `share` is ours of it. Pictures: [`docs/pictures`](pictures).\n')
    for bench, title in TITLES.items():
        for isa in ISAS:
            if run.text(bench, isa):
                text += f'\n## {title}, {WIDTHS[isa]}\n\n```\n{run.text(bench, isa)}\n```\n'
    (ROOT / 'docs/benchmarks.md').write_text(text)


if __name__ == '__main__':
    main()
