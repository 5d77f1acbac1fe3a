"""Draws small colour pictures to train on: Material icons from the package mkdocs-material, 64x64, each in one colour.

pip install mkdocs-material==9.8.2 cairosvg==2.9.1
python benchmarks/icons.py OUT
"""

from __future__ import annotations

import argparse
import colorsys
import hashlib
from importlib.util import find_spec
from pathlib import Path

import cairosvg  # type: ignore[import-not-found]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--every", type=int, default=4, help="take every so many of the 7,447 icons")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    package = find_spec("material")
    if package is None or not package.submodule_search_locations:
        parser.error("mkdocs-material is not installed; pip install mkdocs-material==9.8.2")
    folder = Path(package.submodule_search_locations[0]) / "templates" / ".icons" / "material"
    for path in sorted(folder.glob("*.svg"))[:: given.every]:
        drawing = path.read_text(encoding="utf-8").replace("<svg ", f'<svg fill="{colour(path.stem)}" ', 1)
        place = str(given.out / f"{path.stem}.png")
        cairosvg.svg2png(drawing.encode(), write_to=place, output_width=64, output_height=64, background_color="white")


def colour(name: str) -> str:
    """A colour that depends on the name alone."""
    hue, saturation, value = (byte / 256 for byte in hashlib.blake2b(name.encode()).digest()[:3])
    channels = colorsys.hsv_to_rgb(hue, 0.5 + saturation / 2, 0.4 + value / 2)
    return "#" + "".join(f"{int(255 * channel):02x}" for channel in channels)


if __name__ == "__main__":
    main()
