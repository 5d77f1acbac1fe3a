"""Penalised logP: its parts, constants and what is no molecule."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from noiseless.errors import InputError
from noiseless.optimisation import scores
from noiseless.optimisation.scores.molecule import ZINC, parts, penalised
from noiseless.strings import molecules
from noiseless.strings.molecules import canonical, is_molecule

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.fixture
def _chemistry() -> None:
    pytest.importorskip("rdkit")
    pytest.importorskip("networkx")


@pytest.mark.usefixtures("_chemistry")
def test_parts() -> None:
    benzene = parts("c1ccccc1")
    assert benzene is not None
    assert benzene == pytest.approx((1.6866, -1.0, 0.0), abs=1e-4)
    assert [parts("C1" + "C" * n + "1")[2] for n in (2, 5, 7, 11)] == [0.0, 0.0, -2.0, -6.0]  # type: ignore[index]
    assert parts("CC")[2] == 0.0  # type: ignore[index]


@pytest.mark.usefixtures("_chemistry")
def test_the_sum_of_standardised_parts() -> None:
    found = parts(ASPIRIN)
    assert found is not None
    means, stds = np.array(ZINC).T
    assert penalised(ASPIRIN) == pytest.approx(((np.array(found) - means) / stds).sum())
    assert scores.build("logp:none", [])(ASPIRIN) == pytest.approx(sum(found))


@pytest.mark.usefixtures("_chemistry")
def test_constants_of_the_training_molecules() -> None:
    training = ["CCO", ASPIRIN, "C1CCCCCCC1", "c1ccccc1", "no molecule"]
    score = scores.build("logp:training", training)
    values = [score(string) for string in training[:4]]
    assert np.mean(values) == pytest.approx(0.0, abs=1e-12)
    with pytest.raises(InputError, match="do not vary"):
        scores.build("logp:training", ["CCO"] * 3)


@pytest.mark.usefixtures("_chemistry")
@pytest.mark.parametrize(
    "string", ["", "C1CC", "CX", "c1cccc1", "C(C)(C)(C)(C)C", "1/3+x", "CCO c1cc", "CC )", " CC", "CC\tname"]
)
def test_what_is_no_molecule(string: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert not is_molecule(string)
    assert penalised(string) is None
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("_chemistry")
def test_as_a_score() -> None:
    score = scores.build("logp", [])
    assert (score.goal, score.sign, score.failure, score.votes) == ("maximise", -1.0, None, 500)
    assert canonical("OCC") == canonical("CCO") == score.identity("C(C)O") == "CCO"
    assert canonical("C(C)(C)(C)(C)C") is None  # in the grammar, and no molecule
    assert score.identity("C1CC") == "C1CC"
    with pytest.raises(InputError, match="did you mean 'zinc'"):
        scores.build("logp:zink", [])


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdkit", None)
    molecules.chemistry.cache_clear()
    with pytest.raises(InputError, match=r"pip install 'noiseless\[molecules\]'"):
        scores.build("logp", [])
    molecules.chemistry.cache_clear()


PYRENE = ("c1cc2ccc3cccc4ccc(c1)c2c34", "c12cccc3ccc4cccc(cc1)c4c23", "C1=CC2=CC=C3C=CC=C4C=CC(=C1)C2=C34")


@pytest.mark.usefixtures("_chemistry")
def test_the_score_does_not_depend_on_the_spelling() -> None:
    assert len({canonical(smiles) for smiles in PYRENE}) == 1
    assert len({penalised(smiles) for smiles in PYRENE}) == 1
