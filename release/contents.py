"""Checks what the built wheel and sdist hold: python release/contents.py dist

The wheel has the package's files, typing marker and grammars included, and nothing beside them; the sdist has what is
needed to build and test it.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SDIST = [
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CITATION.cff",
    "constraints.txt",
    "tests/conftest.py",
]


def package_files(root: Path) -> set[str]:
    """The files of the package in a source tree, as paths in a wheel."""
    source = root / "src"
    files = (path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(source).as_posix() for path in files}


def faults_of_wheel(wheel: Path, expected: set[str]) -> list[str]:
    """What is missing in a wheel, and what is in it that is neither the package nor its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    missing = [f"{wheel.name} lacks {name}" for name in sorted(expected - found)]
    return missing + [f"{wheel.name} should not hold {name}" for name in sorted(found - expected)]


def faults_of_sdist(sdist: Path, expected: set[str]) -> list[str]:
    """What is missing in an sdist."""
    with tarfile.open(sdist) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}
    return [f"{sdist.name} lacks {name}" for name in sorted(expected - found)]


def only(folder: Path, pattern: str) -> Path:
    """The one file of a pattern in a folder.

    Raises:
        SystemExit: there is none, or there are several.
    """
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SystemExit(f"{folder} has {len(found)} files {pattern}, and must have one")
    return found[0]


def main() -> None:
    """Checks the two files in the folder that is named on the command line."""
    folder, files = Path(sys.argv[1]), package_files(ROOT)
    for needed in ("noiseless/py.typed", "noiseless/strings/grammars/smiles.txt"):
        if needed not in files:
            raise SystemExit(f"src/{needed} is missing")
    wheel, sdist = only(folder, "*.whl"), only(folder, "*.tar.gz")
    faults = faults_of_wheel(wheel, files) + faults_of_sdist(sdist, {*SDIST, *(f"src/{name}" for name in files)})
    if faults:
        raise SystemExit("\n".join(faults))
    print(f"{wheel.name} and {sdist.name} hold {len(files)} files of the package")


if __name__ == "__main__":
    main()
