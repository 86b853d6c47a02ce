"""Resampled images by OpenCV, SciPy and PIL, for test_image.c: writes tests/golden/image.opencv.txt, one line an array.

OpenCV rounds places to 1/32 of a pixel, so its maps here are made of such numbers and its results are exact to floats. SciPy
computes in double; its names of borders are translated. PIL resizes one channel at a time.
"""
import os

import cv2
import numpy as np
from PIL import Image
from scipy import ndimage

random = np.random.RandomState(1)
lines = []


def save(name, values):
    values = np.asarray(values, np.float64).reshape(-1)
    lines.append(' '.join([name, str(len(values))] + ['%.9g' % v for v in values]))


def image(height, width, channels):
    x = random.randint(-4096, 4096, (height, width, channels)).astype(np.float32) / 4096
    return x


def opencv_maps():
    m = np.array([[1 + 3 / 32, -9 / 32, 1.75], [5 / 32, 30 / 32, -1.5]])
    save('opencv.m', m)
    for channels in (1, 3):
        x = image(7, 9, channels)
        save(f'opencv.{channels}.x', x)
        for name, flag in (('bilinear', cv2.INTER_LINEAR), ('bicubic', cv2.INTER_CUBIC)):
            for border, kind in (('constant', cv2.BORDER_CONSTANT), ('edge', cv2.BORDER_REPLICATE), ('reflect', cv2.BORDER_REFLECT_101),
                                 ('symmetric', cv2.BORDER_REFLECT), ('wrap', cv2.BORDER_WRAP)):
                y = cv2.warpAffine(x, m, (8, 10), flags=flag | cv2.WARP_INVERSE_MAP, borderMode=kind, borderValue=(0.25,) * 4)
                save(f'opencv.{channels}.{name}.{border}', y)
    dx, dy = (random.randint(-60, 60, (7, 9)).astype(np.float32) / 32 for _ in range(2))
    rows, columns = np.mgrid[0:7, 0:9].astype(np.float32)
    save('opencv.dx', dx)
    save('opencv.dy', dy)
    save('opencv.remap', cv2.remap(x, columns + dx, rows + dy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT))


def scipy_maps():
    x = image(8, 6, 1)[:, :, 0]
    angle = np.radians(-23.7)
    m = np.array([[1.13 * np.cos(angle), -0.91 * np.sin(angle), 0.77], [1.13 * np.sin(angle), 0.91 * np.cos(angle), 1.21]])
    save('scipy.m', m)
    save('scipy.x', x)
    by_rows = np.array([[m[1, 1], m[1, 0]], [m[0, 1], m[0, 0]]])
    for border, mode in (('constant', 'grid-constant'), ('edge', 'nearest'), ('reflect', 'mirror'), ('symmetric', 'reflect'),
                         ('wrap', 'grid-wrap')):
        for name, order in (('bilinear', 1), ('nearest', 0)):
            y = ndimage.affine_transform(x.astype(np.float64), by_rows, (m[1, 2], m[0, 2]), (9, 11), order=order, mode=mode, cval=0.5)
            save(f'scipy.{name}.{border}', y)


def resized():
    for channels in (1, 3):
        x = image(11, 14, channels)
        save(f'resize.{channels}.x', x)
        for height, width in ((5, 6), (13, 16), (11, 4), (1, 1)) if channels == 1 else ((4, 9),):
            for name, flag in (('bilinear', cv2.INTER_LINEAR), ('bicubic', cv2.INTER_CUBIC)):
                save(f'resize.{channels}.plain.{name}.{height}', cv2.resize(x, (width, height), interpolation=flag))
            for name, kind in (('bilinear', Image.BILINEAR), ('bicubic', Image.BICUBIC), ('nearest', Image.NEAREST)):
                y = [Image.fromarray(x[:, :, c], 'F').resize((width, height), kind) for c in range(channels)]
                save(f'resize.{channels}.{name}.{height}', np.stack([np.asarray(c) for c in y], 2))
        y = [Image.fromarray(x[:, :, c], 'F').resize((5, 4), Image.BILINEAR, (2.5, 1.25, 12.75, 9.5)) for c in range(channels)]
        save(f'resize.{channels}.box', np.stack([np.asarray(c) for c in y], 2))
    x = random.randint(0, 256, (13, 10, 3)).astype(np.uint8)
    save('bytes.x', x)
    save('bytes.pil', np.asarray(Image.fromarray(x).resize((7, 5), Image.BILINEAR)))
    save('bytes.opencv', cv2.resize(x, (17, 20), interpolation=cv2.INTER_LINEAR))


opencv_maps()
scipy_maps()
resized()
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'golden', 'image.opencv.txt')
with open(path, 'w') as file:
    file.write('\n'.join(lines) + '\n')
