"""What is seen of a training: the step, its share, the time left and the main loss, whatever the room."""

from __future__ import annotations

import re

import pytest

from noiseless.training import State, Training
from noiseless.training import progress as module
from noiseless.training.progress import BAR, Bar
from tiny import FAST, method, vectors

TERMS = {"autoencoder/code": 0.01, "autoencoder/reconstruction": 0.6392, "validation/loss": 0.7, "critic/loss": 2.0}
ESSENTIAL = r"step 1,250 of 20,000  6%  1:15:00 left  reconstruction 0\.6392"


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module.time, "perf_counter", made)
    return made


@pytest.fixture
def bar() -> Bar:
    state = State(method("rae", vectors().spec).objective, Training(**FAST, steps=20_000, schedule="constant"))
    return Bar(state, 20_000, 100, "images", show=True)


@pytest.mark.parametrize("width", [60, 80, 100, 140, 180])
def test_the_essential_is_whole_at_every_width_and_the_rest_as_room_allows(bar: Bar, clock: Clock, width: int) -> None:
    with bar:
        clock.now, bar.state.step = 300.0, 1250
        bar.show({"samples_per_s": 2491.0, "seconds": 300.0, **TERMS})
    room = width - BAR - 1
    line = bar.line(room)
    assert re.match(ESSENTIAL, line)
    assert len(line) <= max(room, len(re.match(ESSENTIAL, line)[0]))  # type: ignore[index]
    assert ("validation/loss 0.7" in line) == (room >= len("validation/loss 0.7  ") + 58)
    whole = bar.line()
    assert whole.startswith(line[:80])
    assert [word for word in ("2,491 images/s", "code 0.01", "critic/loss 2") if word not in whole] == []


def test_a_log_file_has_a_first_line_after_three_seconds_and_others_ever_later(
    bar: Bar, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, printed = [], 0
    with bar:
        for _ in range(1200):
            clock.now += 1
            bar.state.step += 1
            bar.tick(lambda: {"autoencoder/reconstruction": 1.5})
            lines = capsys.readouterr().err.splitlines()
            printed += len(lines)
            seen += [round(clock.now)] * len(lines)
            assert all("reconstruction 1.5" in line for line in lines)
    assert seen == [3, 9, 21, 45, 93, 189, 381, 681, 981]
    assert printed == len(seen)


def test_every_validation_is_a_line_of_a_log_file(bar: Bar, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with bar:
        clock.now, bar.state.step = 1.0, 50
        bar.show({"samples_per_s": 1.0, "autoencoder/reconstruction": 2.0})
        assert not capsys.readouterr().err
        bar.show({"samples_per_s": 1.0, "autoencoder/reconstruction": 2.0, "validation/loss": 3.0})
        assert "validation/loss 3" in capsys.readouterr().err


def test_nothing_is_shown_or_read_where_nothing_is_asked_for(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    state = State(method("rae", vectors().spec).objective, Training(**FAST, steps=9, schedule="constant"))
    with Bar(state, 9, 1, "images", show=False) as bar:
        clock.now, state.step = 1e6, 3
        bar.tick(lambda: pytest.fail("the device was waited for"))
        bar.show({"samples_per_s": 1.0, "validation/loss": 3.0})
    assert capsys.readouterr().err == ""
