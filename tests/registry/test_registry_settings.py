"""Types of settings, in a class of its own: those of the package are watched by beartype while tests run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

from noiseless.errors import InputError
from noiseless.registry import check_types


@dataclass
class Given:
    steps: int | None = None
    rate: float = 0.1
    compiled: bool = False
    name: str = "a"
    schedule: Literal["plateau", "constant"] | None = None
    own: str | Callable[..., Any] = "b"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": "2"}, "steps is '2'; expected a whole number"),
        ({"steps": 2.5}, "steps is 2.5; expected a whole number"),
        ({"steps": True}, "steps is True; expected a whole number"),
        ({"rate": "0.9"}, "rate is '0.9'; expected a number"),
        ({"rate": None}, "rate is None; expected a number"),
        ({"compiled": 1}, "compiled is 1; expected True or False"),
        ({"name": 3}, "name is 3; expected a text"),
        ({"schedule": "linear"}, "schedule is 'linear'; expected one of plateau, constant"),
    ],
)
def test_settings_of_another_type_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}$"):
        check_types(Given(**given))


def test_what_is_meant_is_taken() -> None:
    for given in ({}, {"steps": np.int64(2), "rate": np.float32(0.5)}, {"rate": 1}, {"schedule": "constant", "own": 5}):
        check_types(Given(**given))


@pytest.mark.parametrize("given", ["Training(steps='2')", "Networks(width=8.5)", "Optimiser(lr='fast')"])
def test_the_settings_of_the_package_are_checked(given: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import noiseless as nl; nl.{given}"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "InputError: " in done.stderr
    assert "; expected a " in done.stderr
