"""Draws the pictures that `kubectl workerpool stress` sends, into this folder: python3 draw.py (needs Pillow)."""
from math import floor, sin, sqrt
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 480, 320  # coordinates are in units of the height


def mix(a, b, share):
    share = min(max(share, 0), 1)
    return tuple(x + (y - x) * share for x, y in zip(a, b))


def hash_of(x, y):
    """A number from 0 to 1 for each point of a grid, always the same."""
    return (sin(x * 127.1 + y * 311.7) * 43758.547) % 1


def noise(x, y):
    left, top = floor(x), floor(y)
    u, v = ((t * t * (3 - 2 * t)) for t in (x - left, y - top))
    row = lambda y: hash_of(left, y) + (hash_of(left + 1, y) - hash_of(left, y)) * u
    return row(top) + (row(top + 1) - row(top)) * v


def fractal(x, y):
    return sum(noise(x * factor, y * factor) / factor for factor in (1, 2, 4, 8)) / 1.875


def mountains(x, y):
    """Three ranges of mountains behind a lake, in the evening."""
    lake = 0.74
    if y > lake:
        x += 0.01 * sin(y * 160 + 6 * noise(x * 9, y * 60))
    up = 2 * lake - y if y > lake else y
    sun = sqrt((x - 1.05) ** 2 + (up - 0.36) ** 2)
    color = mix((0.16, 0.25, 0.50), (0.98, 0.66, 0.42), up * 1.5)
    color = mix(color, (1.0, 0.93, 0.75), 0.9 - sun * 2.2 + 0.4 * (sun < 0.07))
    color = mix(color, (0.95, 0.72, 0.62), 1.3 * fractal(x * 3, up * 12) - 0.62)
    for seed, top, near in (0, 0.42, 0.3), (17, 0.53, 0.6), (34, 0.63, 0.9):
        if up > top - 0.24 * (fractal(x * 2.6 + seed, seed) - 0.45):
            rock = fractal(x * 14 + seed, up * 22)
            shade = mix((0.52, 0.45, 0.55), (0.10, 0.15, 0.16), near)
            color = mix(shade, (0.9, 0.8, 0.78), (rock - 0.45) * (1 - near))
            color = mix(color, (0, 0, 0), (0.55 - rock) * 0.6)
    return mix(color, (0.07, 0.14, 0.22), 0.35) if y > lake else color


def marbles(x, y):
    """Glass marbles on a wooden table."""
    color = mix((0.45, 0.27, 0.14), (0.78, 0.56, 0.34), fractal(x * 2, y * 26 + 3 * fractal(x, y)))
    for left, top, radius, tone in (
        (0.42, 0.52, 0.23, (0.10, 0.35, 0.75)),
        (0.95, 0.62, 0.27, (0.75, 0.13, 0.12)),
        (0.73, 0.27, 0.15, (0.08, 0.55, 0.30)),
        (1.28, 0.28, 0.18, (0.85, 0.62, 0.08)),
    ):
        dx, dy = (x - left) / radius, (y - top) / radius
        color = mix(color, (0.08, 0.04, 0.02), (1.25 - sqrt((dx - 0.35) ** 2 + (dy - 0.45) ** 2)) * 0.8)
        square = dx * dx + dy * dy
        if square < 1:
            light = max(-0.5 * dx - 0.6 * dy + 0.62 * sqrt(1 - square), 0)
            twist = 0.5 + 0.5 * sin(7 * dx + 5 * fractal(dx * 2 + 9, dy * 2 + left))
            color = mix((0, 0, 0.02), mix(tone, (0.95, 0.95, 0.9), twist * 0.45), 0.25 + 0.8 * light)
            color = mix(color, (1, 1, 1), light**24 * 1.2)
            color = mix(color, tone, (square - 0.72) * 0.9)
    return color


def harbor(x, y):
    """Sailing boats, in flat colours."""
    color = (0.62, 0.83, 0.94) if y < 0.55 else (0.13, 0.45, 0.62)
    if (x - 1.2) ** 2 + (y - 0.17) ** 2 < 0.008:
        color = (0.99, 0.84, 0.35)
    if 0.42 + 0.05 * sin(x * 5) < y < 0.55:
        color = (0.36, 0.55, 0.36)
    if y > 0.55 and sin(y * 70 + 2 * sin(x * 14)) > 0.93:
        color = (0.55, 0.78, 0.86)
    for mast, deck, size, sail in (
        (0.35, 0.72, 0.40, (0.93, 0.33, 0.24)),
        (0.85, 0.62, 0.26, (0.98, 0.95, 0.88)),
        (1.20, 0.80, 0.44, (0.96, 0.67, 0.20)),
    ):
        dx, dy = (x - mast) / size, (y - deck) / size
        if -0.02 <= dy < 0.14 and abs(dx) < 0.45 - dy:
            color = (0.95, 0.93, 0.88) if dy < 0.03 else (0.35, 0.18, 0.12)
        if -1.1 <= dy < 0 and abs(dx) < 0.015:
            color = (0.25, 0.15, 0.10)
        if -1.05 <= dy < -0.08 and 0.03 <= dx < 0.03 + 0.42 * (dy + 1.05):
            color = sail
        if -0.95 <= dy < -0.08 and -0.03 - 0.30 * (dy + 0.95) <= dx < -0.03:
            color = mix(sail, (1, 1, 1), 0.5)
    return color


def city(x, y):
    """A city at night, in flat colours."""
    color = ((0.05, 0.06, 0.16), (0.08, 0.09, 0.22), (0.13, 0.12, 0.28))[(y > 0.25) + (y > 0.45)]
    if (x - 0.3) ** 2 + (y - 0.18) ** 2 < 0.006 and (x - 0.33) ** 2 + (y - 0.16) ** 2 > 0.005:
        color = (0.95, 0.92, 0.78)
    for row, wide, low, tone in (0, 0.11, 0.30, (0.13, 0.15, 0.30)), (1, 0.16, 0.48, (0.04, 0.05, 0.12)):
        top = low + 0.3 * hash_of(floor(x / wide + row * 0.4), row)
        if y > top:
            color = tone
            is_window = x * 42 % 1 > 0.45 and y * 30 % 1 > 0.5 and y > top + 0.03
            if is_window and hash_of(floor(x * 42), floor(y * 30) + row) > 0.55:
                color = (0.98, 0.82, 0.42)
    return color


for name, draw, options in (
    ("mountains.jpg", mountains, {"quality": 82}),
    ("marbles.jpg", marbles, {"quality": 82}),
    ("harbor.png", harbor, {"optimize": True}),
    ("city.webp", city, {"lossless": True}),
):
    image = Image.new("RGB", (WIDTH, HEIGHT))
    points = ((x / HEIGHT, y / HEIGHT) for y in range(HEIGHT) for x in range(WIDTH))
    image.putdata([tuple(min(max(int(value * 255), 0), 255) for value in draw(*point)) for point in points])
    path = Path(__file__).with_name(name)
    image.save(path, **options)
    print(name, path.stat().st_size, "bytes")
