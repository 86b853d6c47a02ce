#!/usr/bin/env python3
"""Writes tests/golden/npy.numpy.txt: .npy files as NumPy makes them, one a line: name, length, bytes in hexadecimal.
Each holds the numbers 0 to 11, those of types with a sign less 5, as 3 samples of 2 x 2."""
import io
import os

import numpy as np

lines = []


def save(name, array, version=None):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=version)
    lines.append('%s %d %s' % (name, len(file.getvalue()), file.getvalue().hex()))


whole = np.arange(12).reshape(3, 2, 2)
for kind in '<f4 >f4 <f8 >f8 <f2 >f2 <i4 >i4 <i8 >i8 <i2 >i2 |i1 |u1 <u2 >u2 <u4 >u4 <u8 >u8'.split():
    values = (whole if 'u' in kind else whole - 5).astype(kind)
    save(kind, values)
    save(kind + 'F', np.asfortranarray(values))
save('v2', (whole - 5).astype('<f4'), (2, 0))
save('v3', (whole - 5).astype('<f4'), (3, 0))
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'golden', 'npy.numpy.txt')
with open(path, 'w') as file:
    file.write('\n'.join(lines) + '\n')
