"""The shapes themselves: big, strongly coloured pictures with transparency."""

from functools import lru_cache
from math import cos, pi, sin

from PIL import Image, ImageDraw

from benchmark_site.demo.world.script import Subject

RGB = {
    "red": (222, 30, 38),
    "orange": (245, 112, 0),
    "yellow": (255, 238, 40),
    "green": (24, 150, 52),
    "blue": (26, 74, 220),
    "purple": (128, 30, 160),
}
DRAWN = 256  # side of the picture a shape is drawn in before it is scaled


@lru_cache(maxsize=256)
def sprite(subject: Subject) -> Image.Image:
    """RGBA, 256 x 256, the shape touching the border; scaled down later, which smooths its edges."""
    mask = Image.new("L", (DRAWN, DRAWN))
    _outline(ImageDraw.Draw(mask), subject.shape, DRAWN / 2 - 2, fill=255)
    inner = Image.new("L", (DRAWN, DRAWN))
    _outline(ImageDraw.Draw(inner), subject.shape, DRAWN / 2 - 18, fill=255)
    colour = RGB[subject.colour]
    picture = Image.new("RGB", (DRAWN, DRAWN), tuple(channel * 2 // 5 for channel in colour))
    picture.paste(_fill(subject), (0, 0), inner)
    picture.putalpha(mask)
    return picture


def placed(subject: Subject, radius: float, angle: float = 0.0) -> Image.Image:
    """The shape at ``radius`` pixels, turned by ``angle`` degrees."""
    side = max(2, round(radius * 2))
    scaled = sprite(subject).resize((side, side), Image.Resampling.BILINEAR, reducing_gap=1.5)
    return scaled.rotate(angle, Image.Resampling.BILINEAR) if angle else scaled


def _fill(subject: Subject) -> Image.Image:
    colour = RGB[subject.colour]
    picture = Image.new("RGB", (DRAWN, DRAWN), colour)
    draw = ImageDraw.Draw(picture)
    if subject.pattern == "striped":
        for left in range(-DRAWN, DRAWN, 56):
            corners = [(left, DRAWN), (left + 14, DRAWN), (left + 14 + DRAWN, 0), (left + DRAWN, 0)]
            draw.polygon(corners, fill=(250, 250, 250))
    elif subject.pattern == "spotted":
        for row in range(5):
            for column in range(5):
                x, y = 24 + column * 52 + (row % 2) * 26, 24 + row * 52
                draw.ellipse((x - 9, y - 9, x + 9, y + 9), fill=(20, 20, 20))
    return picture


def _outline(draw: ImageDraw.ImageDraw, shape: str, radius: float, fill: int) -> None:
    middle = DRAWN / 2
    if shape == "circle":
        draw.ellipse((middle - radius, middle - radius, middle + radius, middle + radius), fill=fill)
    elif shape == "square":
        half = radius * 0.84
        draw.rectangle((middle - half, middle - half, middle + half, middle + half), fill=fill)
    else:
        corners = {"triangle": _triangle, "star": _star, "heart": _heart}[shape]()
        draw.polygon([(middle + radius * x, middle + radius * y) for x, y in corners], fill=fill)


def _triangle() -> list[tuple[float, float]]:
    return [(0.0, -0.95), (0.98, 0.78), (-0.98, 0.78)]


def _star() -> list[tuple[float, float]]:
    corners = []
    for step in range(10):
        reach = 1.0 if step % 2 == 0 else 0.42
        corners.append((reach * sin(step * pi / 5), -reach * cos(step * pi / 5)))
    return corners


def _heart() -> list[tuple[float, float]]:
    turns = [2 * pi * step / 60 for step in range(60)]
    return [(sin(a) ** 3, -(13 * cos(a) - 5 * cos(2 * a) - 2 * cos(3 * a) - cos(4 * a)) / 16 - 0.08) for a in turns]
