"""Draws the picture of a procedural clip at a time.

A still must show what happens, because frames are read one in 1.5 s by a network made for photographs: every
action therefore has something of its own to see (a wall to hide behind, a burst where two shapes meet, streaks
behind what slides), as in a comic strip.
"""

from collections.abc import Callable
from math import cos, pi, sin

from PIL import Image, ImageDraw

from benchmark_site.demo.world.script import Clip, Event, Kind, Subject
from benchmark_site.demo.world.sprites import placed

SIDE = 224  # pixels, the frame encoder's own size
MIDDLE = SIDE / 2
GROUND = 196

Picture = Image.Image


def draw_frame(clip: Clip, time: float, ground: Picture) -> Picture:
    """RGB, 224 x 224: ``ground`` (from ``draw_backdrop``) with every event that is on at ``time`` upon it."""
    picture = ground.copy()
    for event in clip.events:
        if event.start <= time < event.end and event.subject is not None:
            ACTIONS[event.kind](picture, event, event.subject, (time - event.start) / (event.end - event.start))
    return picture


def draw_backdrop(backdrop: str) -> Picture:
    """The empty stage; pale enough for every shape to stand out."""
    plain = {"light grey": (214, 216, 220), "dark grey": (84, 88, 94), "sandy": (232, 214, 178)}
    picture = Image.new("RGB", (SIDE, SIDE), plain.get(backdrop, (226, 228, 226)))
    draw = ImageDraw.Draw(picture)
    shade = (196, 200, 198)
    if backdrop == "checkered":
        for row in range(8):
            for column in range(row % 2, 8, 2):
                draw.rectangle((column * 28, row * 28, column * 28 + 27, row * 28 + 27), fill=shade)
    elif backdrop == "lined":
        for y in range(0, SIDE, 16):
            draw.rectangle((0, y, SIDE, y + 5), fill=shade)
    elif backdrop == "dotted":
        for y in range(12, SIDE, 24):
            for x in range(12, SIDE, 24):
                draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=shade)
    return picture


def _put(picture: Picture, subject: Subject, x: float, y: float, radius: float, angle: float = 0.0) -> None:
    shape = placed(subject, radius, angle)
    picture.paste(shape, (round(x - shape.width / 2), round(y - shape.height / 2)), shape)


def _slide(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Crosses the picture, streaks behind it."""
    way = 1 if event.direction == "right" else -1
    x = MIDDLE + way * (part - 0.5) * (SIDE + 60)
    draw = ImageDraw.Draw(picture)
    for step, y in enumerate((76, 94, 112, 130, 148)):
        near, far = x - way * 58, x - way * (130 - 14 * abs(step - 2))
        draw.rectangle((min(near, far), y - 3, max(near, far), y + 3), fill=(255, 255, 255), outline=(40, 40, 40))
    _put(picture, subject, x, MIDDLE, 54)


def _bounce(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Jumps up and down on a floor, its shadow below."""
    height = abs(sin(part * (event.end - event.start) * pi / 1.7))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, GROUND, SIDE, SIDE), fill=(120, 82, 48))
    wide = 56 - 26 * height
    draw.ellipse((MIDDLE - wide, GROUND - 2, MIDDLE + wide, GROUND + 16), fill=(50, 32, 18))
    _put(picture, subject, MIDDLE, GROUND - 46 - 96 * height, 48)


def _spin(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Turns on the spot, two arcs whirling around it."""
    turn = part * (event.end - event.start) * 150
    draw = ImageDraw.Draw(picture)
    for radius in (82, 96):
        for first in (0, 180):
            box = (MIDDLE - radius, MIDDLE - radius, MIDDLE + radius, MIDDLE + radius)
            draw.arc(box, turn + first, turn + first + 110, fill=(30, 30, 30), width=6)
    _put(picture, subject, MIDDLE, MIDDLE, 68, -turn)


def _grow(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    _put(picture, subject, MIDDLE, MIDDLE, 16 + 150 * part)


def _shrink(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    _put(picture, subject, MIDDLE, MIDDLE, 16 + 150 * (1 - part))


def _collide(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Comes from the left, hits its partner in a burst, both bounce back."""
    if event.partner is None:
        raise ValueError("a collision needs a partner")
    apart = 40 + 100 * abs(part - 0.45) / 0.55
    if 0.3 < part < 0.65:
        _burst(picture, 100)
    _put(picture, subject, MIDDLE - apart, MIDDLE, 46)
    _put(picture, event.partner, MIDDLE + apart, MIDDLE, 46)


def _burst(picture: Picture, reach: float) -> None:
    corners = []
    for step in range(24):
        radius = reach if step % 2 == 0 else reach * 0.62
        corners.append((MIDDLE + radius * cos(step * pi / 12), MIDDLE + radius * sin(step * pi / 12)))
    ImageDraw.Draw(picture).polygon(corners, fill=(255, 255, 255), outline=(30, 30, 30), width=4)


def _turn_into(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Stands still, flickers in the middle of the event, and is the other one from then on."""
    if event.to is None:
        raise ValueError(f"a shape that does {event.kind} needs something to turn into")
    _put(picture, subject if part < 0.5 else event.to, MIDDLE, MIDDLE, 70 if abs(part - 0.5) > 0.06 else 50)


def _hide(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Sinks behind a brick wall and peeks out again."""
    _put(picture, subject, MIDDLE, 92 + 60 * sin(part * pi), 54)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((14, 122, 210, SIDE), fill=(150, 146, 140))
    for row in range(6):
        y = 122 + row * 18
        draw.line((14, y, 210, y), fill=(60, 56, 52), width=3)
        for x in range(14 + (row % 2) * 16, 211, 32):
            draw.line((x, y, x, y + 18), fill=(60, 56, 52), width=3)


def _shine(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Stands still in flickering rays on a dark ground."""
    picture.paste((18, 18, 34), (0, 0, SIDE, SIDE))
    draw = ImageDraw.Draw(picture)
    flicker = int(part * (event.end - event.start) * 3) % 2
    for ray in range(12):
        angle = (ray + flicker * 0.5) * pi / 6
        draw.line((MIDDLE, MIDDLE, MIDDLE + 150 * cos(angle), MIDDLE + 150 * sin(angle)), fill=(255, 246, 180), width=9)
    _put(picture, subject, MIDDLE, MIDDLE, 58)


def _rain(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Many small ones fall from above."""
    shape = placed(subject, 21)
    fallen = part * (event.end - event.start) * 50
    for drop in range(16):
        x = 28 + (drop % 4) * 56 + (drop // 4 % 2) * 14 - 7
        y = (drop // 4 * 66 + drop % 4 * 23 + fallen) % (SIDE + 44) - 22
        picture.paste(shape, (round(x - 21), round(y - 21)), shape)


def _line_up(picture: Picture, event: Event, subject: Subject, part: float) -> None:
    """Appear one after another in a row on a shelf."""
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 150, SIDE, 164), fill=(92, 60, 30))
    radius = min(52, 104 / event.count)
    for index in range(min(event.count, 1 + int(part * (event.count + 2)))):
        _put(picture, subject, (index + 0.5) * SIDE / event.count, 150 - radius, radius)


ACTIONS: dict[Kind, Callable[[Picture, Event, Subject, float], None]] = {
    "slide": _slide,
    "bounce": _bounce,
    "spin": _spin,
    "grow": _grow,
    "shrink": _shrink,
    "collide": _collide,
    "recolour": _turn_into,
    "morph": _turn_into,
    "hide": _hide,
    "shine": _shine,
    "rain": _rain,
    "line_up": _line_up,
}
