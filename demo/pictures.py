"""Draws the demo's pictures as SVG, so that the shop has pictures without a download. Pure: same shop, same bytes."""

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

from demo.shapes import SHAPES
from demo.shop import Banner, Category, Entry, Product, Shop, View

_FONT: Final = "font-family=\"'PingFang SC','Noto Sans CJK SC','Microsoft YaHei',sans-serif\""
_INK: Final = "#2F2B28"


def picture(product: Product, *, view: View = "cover") -> str:
    """One of the product's pictures, 800 by 800: its cover, its facts, or the choices it comes in."""
    if view == "cover":
        return _cover(product)
    if view == "facts":
        return _card(product, [f"{name}　{value}" for name, value in product.attributes.items()])
    return _card(product, [" · ".join(sku.options) for sku in product.skus])


def icon_picture(thing: Category | Entry) -> str:
    """The round icon of a category or of an entry on the home page, 160 by 160."""
    return _svg(
        160,
        160,
        f'<circle cx="80" cy="80" r="80" fill="{_mix(thing.tint, "#FFFFFF", 0.78)}"/>'
        + _shape(thing.shape, thing.tint, x=32, y=30, size=96),
    )


def banner_picture(banner: Banner) -> str:
    """A banner of the home page, 1500 by 600."""
    pale = _mix(banner.tint, "#FFFFFF", 0.8)
    return _svg(
        1500,
        600,
        f'<rect width="1500" height="600" fill="{pale}"/>'
        f'<circle cx="1150" cy="310" r="270" fill="{_plate(banner.tint)}"/>'
        f'<circle cx="1420" cy="40" r="150" fill="{banner.tint}" opacity=".16"/>'
        + _shape(banner.shape, banner.tint, x=940, y=100, size=420)
        + _text(110, 290, 92, banner.title, _mix(banner.tint, _INK, 0.72), weight=700)
        + _text(114, 376, 38, banner.subtitle, _mix(banner.tint, _INK, 0.55)),
    )


def gallery(shop: Shop) -> Iterator[tuple[str, str]]:
    """Every picture that the shop refers to: its path and its SVG."""
    for category in shop.categories:
        yield category.icon, icon_picture(category)
    for entry in shop.home.entries:
        yield entry.icon, icon_picture(entry)
    for banner in shop.home.banners:
        yield banner.image, banner_picture(banner)
    for product in shop.products:
        for image in product.images:
            yield image.path, picture(product, view=image.view)


def _cover(product: Product) -> str:
    title, _, rest = product.name.partition(" ")
    ink = _mix(product.tint, _INK, 0.75)
    return _svg(
        800,
        800,
        _ground(product.tint)
        + f'<circle cx="400" cy="340" r="252" fill="{_plate(product.tint)}"/>'
        + f'<ellipse cx="400" cy="548" rx="150" ry="16" fill="{ink}" opacity=".1"/>'
        + _shape(product.shape, product.tint, x=220, y=160, size=360)
        + _text(56, 84, 28, product.brand, ink)
        + _text(400, 680, min(56, int(680 / _ems(title))), title, ink, weight=700, anchor="middle")
        + _text(400, 736, 30, rest, _mix(product.tint, _INK, 0.5), anchor="middle"),
    )


def _card(product: Product, lines: list[str]) -> str:
    ink = _mix(product.tint, _INK, 0.75)
    step = min(84, 440 // len(lines))
    rows = (
        f'<circle cx="112" cy="{y - 11}" r="6" fill="{product.tint}"/>'
        + _text(140, y, min(34, int(560 / _ems(line))), line, ink)
        for y, line in zip(range(290, 290 + step * len(lines), step), lines, strict=True)
    )
    return _svg(
        800,
        800,
        _ground(product.tint)
        + '<rect x="56" y="56" width="688" height="688" rx="32" fill="#FFFFFF" opacity=".72"/>'
        + _text(100, 152, 44, product.name.partition(" ")[0], ink, weight=700)
        + f'<path d="M100 190h72" stroke="{product.tint}" stroke-width="6" stroke-linecap="round"/>'
        + "".join(rows)
        + _shape(product.shape, product.tint, x=570, y=560, size=150),
    )


def _ground(tint: str) -> str:
    return (
        '<defs><linearGradient id="g" x2="1" y2="1">'
        f'<stop stop-color="{_mix(tint, "#FFFFFF", 0.9)}"/><stop offset="1" stop-color="{_mix(tint, "#FFFFFF", 0.7)}"/>'
        '</linearGradient></defs><rect width="800" height="800" fill="url(#g)"/>'
    )


def _plate(tint: str) -> str:
    """What the shape stands on: pale, yet darker than the shape's own white."""
    return _mix(_mix(tint, _INK, 0.1), "#FFFFFF", 0.6)


def _ems(words: str) -> float:
    """About how wide the words are in units of the font's size: a Chinese character is one, a Latin one half."""
    return sum(1.0 if character > "\u2e80" else 0.58 for character in words)


def _shape(name: str, tint: str, *, x: int, y: int, size: int) -> str:
    body = SHAPES[name].format(
        t=tint, d=_mix(tint, "#2A1E18", 0.35), l=_mix(tint, "#FFFFFF", 0.5), w=_mix(tint, "#FFFFFF", 0.92)
    )
    return f'<g transform="translate({x} {y}) scale({size / 200:g})">{body}</g>'


def _text(
    x: int, y: int, size: int, words: str, fill: str, *, weight: int = 400, anchor: str = "start"
) -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{fill}" '
        f"{_FONT}>{escape(words)}</text>"
    )


def _svg(width: int, height: int, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{body}</svg>\n'
    )


def _mix(colour: str, other: str, share: float) -> str:
    """`colour` with a `share` (0 to 1) of `other` mixed in, both as #RRGGBB."""
    pairs = ((int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)
