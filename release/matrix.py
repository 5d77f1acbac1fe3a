"""Runs the tests with the oldest or the newest dependencies that pyproject.toml allows, on each Python that is found.

    python release/matrix.py oldest python3.11 python3.12
    python release/matrix.py newest python3.13 -- tests/densities -x     # the rest goes to pytest

Each pair has a fresh environment, .venvs/oldest-python3.11 and so on. "Oldest" is the lowest version of each declared
dependency that has a wheel for that Python; what these depend on is the newest that fits. uv resolves both and keeps
downloads in its cache. Set UV_TORCH_BACKEND=cpu to take PyTorch's CPU builds from PyTorch's own index.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}


def interpreter(name: str) -> str | None:
    """The path of an interpreter: the one on PATH, or else the latest of pyenv's; None if neither starts."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    installed = sorted(pyenv.glob(f"versions/*/bin/{name}"), key=patch_release, reverse=True)
    for path in (shutil.which(name), *map(str, installed)):
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:
            return path
    return None


def patch_release(path: Path) -> int:
    """The last number of a version in pyenv's folder: 7 of versions/3.11.7/bin/python3.11."""
    digits = path.parents[1].name.rpartition(".")[2]
    return int(digits) if digits.isdigit() else -1


def install(which: str, python: str, environment: Path) -> Path:
    """Makes an environment anew and installs the package with its development tools; returns its interpreter.

    Raises:
        subprocess.CalledProcessError: the dependencies cannot be resolved or installed.
    """
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", python, environment], check=True)
    inside = environment / "bin/python"
    choice = ["--resolution", RESOLUTIONS[which], "--only-binary", ":all:"]
    subprocess.run([*uv, "pip", "install", "--python", inside, *choice, "-e", f"{ROOT}[dev]"], check=True)
    return inside


def test(which: str, name: str, python: str, arguments: list[str]) -> str:
    """Installs and runs the tests once; says how it ended."""
    try:
        inside = install(which, python, ROOT / f".venvs/{which}-{name}")
    except subprocess.CalledProcessError:
        return "could not be installed"
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([inside, "-m", "pytest", *arguments], cwd=ROOT, env=one_thread, check=False)
    return "passed" if done.returncode == 0 else f"failed: pytest ended with {done.returncode}"


def main() -> int:
    """Tests on each interpreter that is found; the exit status is 0 if there is one and all passed."""
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=RESOLUTIONS)
    parser.add_argument("pythons", nargs="+", help="names of interpreters, such as python3.12")
    given, arguments = parser.parse_args(words[:end]), words[end + 1 :] or ["-n", "auto"]
    found = {name: interpreter(name) for name in given.pythons}
    outcomes = {name: test(given.which, name, path, arguments) for name, path in found.items() if path}
    for name in given.pythons:
        print(f"{given.which} dependencies, {name}: {outcomes.get(name, 'skipped: not found')}")
    return 0 if outcomes and set(outcomes.values()) == {"passed"} else 1


if __name__ == "__main__":
    sys.exit(main())
