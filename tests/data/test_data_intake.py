"""Data that people have at hand: arrays, tensors, frames, data sets of torch and of Hugging Face."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset

from noiseless.data import Raw, load, read
from noiseless.errors import InputError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (30, 1, 8, 6), dtype=np.uint8)
ROWS = RNG.normal(size=(30, 4)).astype(np.float32)
LABELS = RNG.integers(0, 3, 30)


class Items(Dataset):  # type: ignore[type-arg]
    """A data set of torch: what a function gives for each index."""

    def __init__(self, item: Callable[[int], Any], count: int = 30) -> None:
        self.item, self.count = item, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, k: int) -> Any:
        return self.item(k)


def picture(k: int) -> Image.Image:
    return Image.fromarray(PIXELS[k, 0])


# arrays and tensors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        ROWS,
        ROWS.astype(">f4"),
        ROWS[::-1][::-1],
        np.asfortranarray(ROWS),
        ROWS.astype(np.float64)[:, ::-1][:, ::-1],
        torch.from_numpy(ROWS),
        torch.from_numpy(ROWS).double().requires_grad_(),
        torch.from_numpy(ROWS).T.contiguous().T,
        TensorDataset(torch.from_numpy(ROWS), torch.from_numpy(LABELS)),
        list(ROWS),
        [torch.from_numpy(row) for row in ROWS],
        Items(lambda k: (torch.from_numpy(ROWS[k]), int(LABELS[k]))),
        Items(lambda k: {"x": ROWS[k], "label": torch.tensor(LABELS[k]), "name": "a"}),
        Subset(Items(lambda k: ROWS[k]), range(30)),
    ],
    ids=lambda given: type(given).__name__,
)
def test_vectors_in_every_form_are_the_same(given: Any) -> None:
    data = load(given)
    assert np.array_equal(np.ascontiguousarray(data.train.raw), ROWS)
    assert data.train.raw.dtype == np.float32
    assert (len(data.train), len(data.validation), len(data.test)) == (25, 2, 3)
    assert data.in_memory
    assert torch.from_numpy(data.train.take([3, 1])).shape == (2, 4)


@pytest.mark.parametrize(
    "given",
    [
        PIXELS,
        PIXELS[:, 0],
        np.moveaxis(PIXELS, 1, 3),
        PIXELS.astype(np.int64),
        torch.from_numpy(PIXELS),
        torch.from_numpy(PIXELS.astype(np.int32)),
        [picture(k) for k in range(30)],
        Items(picture),
        Items(lambda k: (picture(k), LABELS[k])),
        Items(lambda k: {"image": picture(k), "target": None}),
    ],
    ids=lambda given: type(given).__name__,
)
def test_images_in_every_form_are_the_same(given: Any) -> None:
    data = load(given)
    assert data.train.raw.dtype == np.uint8
    assert np.array_equal(data.train.raw, PIXELS)
    assert data.fingerprint == load(given).fingerprint


def test_numbers_that_numpy_does_not_have() -> None:
    half = torch.from_numpy(ROWS).bfloat16()
    assert np.array_equal(read(half).array, half.float().numpy())
    assert read(torch.rand(9, 1, 8, 8).half()).array.dtype == np.float32
    assert read(np.eye(9, 3) > 0).array.dtype == np.float32


def test_an_array_of_the_right_type_is_not_copied() -> None:
    assert np.shares_memory(read(ROWS).array, ROWS)
    assert np.shares_memory(read(torch.from_numpy(ROWS)).array, ROWS)


def test_pictures_are_cropped_and_resized_and_their_channels_agree() -> None:
    small = read(Items(picture), size=4).array
    assert small.shape == (30, 1, 4, 4)
    colour = Image.new("RGB", (6, 8), (255, 0, 0))
    assert read([picture(0), colour, picture(2)]).array.shape == (3, 3, 8, 6)


def test_a_raw_is_data_too() -> None:
    data = load(Raw("mine", ROWS, LABELS))
    assert data.spec.name == "mine"
    assert data.in_memory
    assert load(data) is data


# labels and names -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        TensorDataset(torch.from_numpy(ROWS), torch.from_numpy(LABELS)),
        Items(lambda k: (ROWS[k], int(LABELS[k]))),
        Items(lambda k: (ROWS[k], torch.tensor(LABELS[k]))),
        Items(lambda k: [picture(k), np.int64(LABELS[k])]),
        Items(lambda k: {"x": ROWS[k], "label": LABELS[k]}),
    ],
)
def test_labels_come_along(given: Any) -> None:
    data = load(given, seed=3)
    for part in (data.train, data.validation, data.test):
        assert part.labels is not None
        assert part.labels.tolist() == LABELS[part.indices].tolist()


def test_labels_and_a_name_may_be_given() -> None:
    data = load(PIXELS, labels=LABELS.tolist(), name="mnist")
    assert data.spec.name == "mnist"
    assert data.train.labels is not None
    assert load(ROWS).train.labels is None
    with pytest.raises(InputError, match=r"labels of shape \(3,\)"):
        load(ROWS, labels=[1, 2, 3])
    with pytest.raises(InputError, match="labels and name are for data at hand, and digits says them itself"):
        load("digits", labels=[1])


def test_labels_that_are_no_whole_numbers_are_left_out_with_a_note() -> None:
    data = load(Items(lambda k: (ROWS[k], "a secret")))
    assert data.train.labels is None
    assert data.notes == ("labels are left out: 30 of 30 are no whole numbers, such as a str",)


def test_the_source_says_what_the_data_were() -> None:
    assert load(ROWS).source == "a NumPy array of shape (30, 4) in float32"
    assert load(torch.from_numpy(ROWS)).source == "a torch tensor of shape (30, 4) in float32"
    assert load(Items(lambda k: ROWS[k])).source == "a test_data_intake Items of 30 items"
    assert not load("digits").in_memory


def test_a_path_is_a_path(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", ROWS)
    assert load(tmp_path / "rows.npy").fingerprint == load(ROWS).fingerprint
    assert not load(tmp_path / "rows.npy").in_memory


# what is refused ------------------------------------------------------------------------------------------------------


class Endless(IterableDataset):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        return iter(ROWS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "the data are a int; expected a name or a path"),
        (None, "the data are a NoneType; expected"),
        ({"train": ROWS, "test": ROWS}, "a dict of 2 items with the keys train, test: give one of them"),
        ((ROWS, LABELS), "a tuple of 2 items: give the data, and labels as labels="),
        (DataLoader(Items(lambda k: ROWS[k])), "which gives batches: give its dataset"),
        (Endless(), "which has no length: gather it into a tensor"),
        (iter(ROWS), "which has no length"),
        (Items(lambda k: ROWS[k], 0), "has no data; give one or more"),
        ([], "has no data"),
        (["secret"], "has items such as a str; expected tensors, arrays or PIL images"),
        (Items(lambda k: (7.0, "secret")), "such as a tuple of a float, a str"),
        (Items(lambda k: {"a": ROWS[k], "b": ROWS[k]}), r"a dictionary of a: ndarray of shape \(4,\) in float32, b"),
        (Items(lambda k: ROWS[k][: 4 - k // 20]), r"item 20 is of shape \(3,\) in float32, and those before are"),
        (Items(lambda k: ROWS[k].astype("f8") if k == 9 else ROWS[k]), "item 9 is of shape .4,. in float64"),
        (Items(lambda k: picture(k) if k else ROWS[k]), "item 1 is an image of mode L, and those before are"),
        (Items(lambda k: ROWS[k] if k else picture(k)), r"item 1 is ndarray of shape \(4,\).*those before are images"),
        ([picture(0), picture(1).resize((5, 5))], "item 1 .* is 5x5, but item 0 .* is 6x8"),
        (ROWS[:, 0], r"the shape \(30,\); expected vectors"),
        (torch.zeros(3, 4, dtype=torch.complex64), "the type complex64; expected"),
        (torch.zeros(3, 4).to_sparse(), "cannot be made a NumPy array"),
        (np.ma.masked_less(ROWS, 0), "has masked values; fill them"),
        (np.array([["secret"]]), "the type <U6; expected"),
        (np.where(ROWS > 1, np.nan, ROWS), "NaN, infinite or too large"),
        (PIXELS // 200, "whole numbers up to 1"),
        ([Image.fromarray(x[0] // 200) for x in PIXELS], "whole numbers up to 1"),
        (Image.new("L", (4, 4)), "the shape .4, 4. |the data are a PIL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_taken_is_refused_by_type_and_shape(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        load(given)
    assert "secret" not in str(caught.value)


# frames ---------------------------------------------------------------------------------------------------------------


class Frame:
    """What pandas and polars have in common, without narwhals."""

    columns = ("a", "b", "c", "d")

    def __init__(self, rows: np.ndarray, dtypes: tuple[str, ...] = ("float64",) * 4) -> None:
        self.rows, self.dtypes = rows, dtypes

    def __len__(self) -> int:
        return len(self.rows)

    def to_numpy(self) -> np.ndarray:
        return self.rows


def frame(kind: str, rows: np.ndarray) -> Any:
    if kind == "by type":
        return Frame(rows)
    return pytest.importorskip(kind).DataFrame({name: rows[:, k] for k, name in enumerate("abcd")})


@pytest.mark.parametrize("kind", ["polars", "pandas", "by type"])
def test_frames_of_numbers_are_vectors(kind: str) -> None:
    data = load(frame(kind, ROWS.astype(np.float64)))
    assert np.array_equal(data.train.raw, ROWS)
    assert data.source.endswith("of 30 rows and 4 columns")


def test_columns_are_put_in_order_by_name() -> None:
    given = read(frame("pandas", ROWS.astype(np.float64)))
    assert given.columns == ("a", "b", "c", "d")
    assert np.array_equal(given.in_order(("d", "a", "c", "b"), "it").array, ROWS[:, [3, 0, 2, 1]])
    assert given.in_order((), "it") is given
    with pytest.raises(InputError, match="it lacks 'x' and has 'd'; give the same"):
        given.in_order(("a", "b", "c", "x"), "it")
    twice = pytest.importorskip("pandas").DataFrame(ROWS, columns=["a", "a", "b", "c"])
    assert read(twice).columns == ()


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_frames_of_mixed_numbers(kind: str) -> None:
    library = pytest.importorskip(kind)
    mixed = library.DataFrame({"a": [1, 2, 3], "b": [True, False, True], "c": [0.5, 1.5, 2.5]})
    assert read(mixed).array.tolist() == [[1, 1, 0.5], [2, 0, 1.5], [3, 1, 2.5]]


@pytest.mark.parametrize("kind", ["polars", "pandas"])
def test_frames_of_other_things_are_refused(kind: str) -> None:
    library = pytest.importorskip(kind)
    with pytest.raises(InputError, match="columns that are not numeric, 'b' in String; drop them") as caught:
        read(library.DataFrame({"a": [1, 2], "b": ["secret", "secret"]}))
    assert "secret" not in str(caught.value)
    with pytest.raises(InputError, match="has missing values, 1 in 'a'; drop or fill them"):
        read(library.DataFrame({"a": [1.0, None], "b": [1, 2]}))
    with pytest.raises(InputError, match=r"the shape \(0, 1\)|0"):
        read(library.DataFrame({"a": []}))


def test_a_lazy_frame_is_refused() -> None:
    polars = pytest.importorskip("polars")
    with pytest.raises(InputError, match="is lazy; collect it first"):
        read(polars.DataFrame({"a": [1.0]}).lazy())


def test_without_narwhals_a_frame_is_judged_by_its_types(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("noiseless.data.frames.find_spec", lambda _: None)
    with pytest.raises(InputError, match="not numeric, 'a' in object, 'b' in int64, 'c' in int64, 'd' in int64; drop"):
        read(Frame(np.array([["secret", 1, 2, 3]], dtype=object), ("object", "int64", "int64", "int64")))
    assert read(Frame(ROWS)).array.shape == (30, 4)


# Hugging Face ---------------------------------------------------------------------------------------------------------


def feature(kind: str, dtype: str = "") -> Any:
    made = type(kind, (), {})()
    if dtype:
        made.dtype = dtype
    return made


class Columns:
    """A split of a Hugging Face data set, as far as it is looked at."""

    def __init__(self, features: dict[str, Any], **columns: Any) -> None:
        self.features, self.columns_, self.column_names = features, columns, list(features)

    def __len__(self) -> int:
        return len(next(iter(self.columns_.values())))

    def __getitem__(self, k: int) -> dict[str, Any]:
        return {name: self.columns_[name][k] for name in self.features}

    def select_columns(self, names: list[str]) -> Columns:
        return Columns({name: self.features[name] for name in names}, **self.columns_)


IMAGES = [picture(k) for k in range(30)]
VALUE = feature("Value", "float32")


def test_a_column_of_images_with_their_classes() -> None:
    features = {"image": feature("Image"), "text": feature("Value", "string"), "digit": feature("ClassLabel", "int64")}
    data = load(Columns(features, image=IMAGES, text=["a"] * 30, digit=LABELS.tolist()))
    assert np.array_equal(data.train.raw, PIXELS)
    assert data.train.labels is not None
    assert read(Columns(features, image=IMAGES, text=["a"] * 30, digit=LABELS), size=4).array.shape == (30, 1, 4, 4)


def test_a_column_of_lists_and_columns_of_numbers() -> None:
    lists = Columns({"code": feature("List"), "label": feature("Value", "int64")}, code=ROWS.tolist(), label=LABELS)
    assert np.array_equal(read(lists).array, ROWS)
    features = dict.fromkeys("abcd", VALUE) | {"label": feature("Value", "int32")}
    columns = {name: ROWS[:, k].tolist() for k, name in enumerate("abcd")}
    raw = read(Columns(features, **columns, label=LABELS.tolist()))
    assert np.array_equal(raw.array, ROWS)
    assert raw.labels is not None
    assert raw.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Columns({"a": feature("Image"), "b": feature("Image")}, a=IMAGES, b=IMAGES), "has the columns a, b to choose"),
        (
            Columns({"a": VALUE, "t": feature("Value", "string")}, a=[1.0], t=["secret"]),
            r"has the columns a \(float32\), t \(string\); expected images, arrays, or numbers alone",
        ),
        (Columns({"a": VALUE}, a=[1.0, None]), "NaN, infinite or too large|missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_that_cannot_be_taken_are_refused(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read(given)
    assert "secret" not in str(caught.value)


@pytest.mark.filterwarnings("ignore")
def test_the_package_datasets() -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(num_classes=3)})
    made = datasets.Dataset.from_dict({"image": IMAGES, "label": LABELS.tolist()}, features=features)
    data = load(made)
    assert np.array_equal(data.train.raw, PIXELS)
    assert data.train.labels is not None
    numbers = datasets.Dataset.from_dict({name: ROWS[:, k] for k, name in enumerate("abcd")})
    assert np.array_equal(read(numbers).array, ROWS)
    assert np.array_equal(read(numbers.with_format("torch")).array, ROWS)
    assert np.array_equal(read(datasets.Dataset.from_dict({"code": ROWS.tolist()})).array, ROWS)
    with pytest.raises(InputError, match="with the keys train"):
        load(datasets.DatasetDict(train=made))
