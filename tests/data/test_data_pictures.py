from __future__ import annotations

import io
import os
import struct
import tarfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from data_files import class_files, encoded, part_files, picture, write_tar, write_tree, write_zip
from PIL import Image

import noiseless.data as nd
from noiseless.data import archive, decode
from noiseless.errors import InputError


def write(kind: str, folder: Path, files: dict[str, bytes]) -> Path:
    if kind == "folder":
        return write_tree(folder / "set", files)
    if kind == "zip":
        return write_zip(folder / "set.zip", files)
    mode = {".tar": "w", ".tgz": "w:gz", ".tar.xz": "w:xz", ".tar.bz2": "w:bz2"}[kind]
    return write_tar(folder / f"set{kind}", dict(reversed(files.items())), mode)


KINDS = ["folder", "zip", ".tar", ".tgz", ".tar.xz", ".tar.bz2"]


@pytest.mark.parametrize("kind", KINDS)
def test_classes(tmp_path: Path, kind: str) -> None:
    files = class_files()
    data = nd.load(str(write(kind, tmp_path, files)))
    assert data.spec.name == "set"
    assert data.spec.shape == (3, 8, 8)
    assert (len(data.train), len(data.validation), len(data.test)) == (17, 1, 2)
    np.testing.assert_array_equal(data.train.labels, data.train.indices >= 10)
    expected = picture(503)  # the fourth horse
    np.testing.assert_array_equal(data.train.raw[13], expected.transpose(2, 0, 1))


def test_one_fingerprint_for_every_packing(tmp_path: Path) -> None:
    found = {nd.load(str(write(kind, tmp_path, class_files()))).fingerprint for kind in KINDS}
    assert len(found) == 1


@pytest.mark.parametrize("kind", ["folder", "zip", ".tar.xz"])
@pytest.mark.parametrize("root", ["", "cifar/", "./a/b/"])
def test_parts(tmp_path: Path, kind: str, root: str) -> None:
    data = nd.load(str(write(kind, tmp_path, part_files(root))))
    assert data.spec.shape == (1, 8, 8)
    assert (len(data.train), len(data.validation), len(data.test)) == (12, 4, 6)
    assert data.test.labels is not None
    assert data.test.labels.tolist() == [0, 0, 0, 1, 1, 1]


def test_test_without_train(tmp_path: Path) -> None:
    files = {f"test/{i}.png": encoded(picture(i)) for i in range(4)}
    with pytest.raises(InputError, match=r"has the folder test/ but no train/"):
        nd.load(str(write_tree(tmp_path, files)))


def test_an_image_beside_train(tmp_path: Path) -> None:
    files = part_files("") | {"stray.png": encoded(picture(1, 8, 8))}
    with pytest.raises(InputError, match=r"stray.png lies next to train/"):
        nd.load(str(write_tree(tmp_path, files)))


def test_no_folders_no_classes(tmp_path: Path) -> None:
    files = {f"{i}.png": encoded(picture(i)) for i in range(10)}
    assert nd.load(str(write_tree(tmp_path, files))).train.labels is None


def test_mixed_sizes_need_a_size(tmp_path: Path) -> None:
    files = {f"{i}.png": encoded(picture(i, 8, 8 + (i > 3), 3)) for i in range(6)}
    source = str(write_tree(tmp_path, files))
    with pytest.raises(InputError, match=r"4.png is 9x8, but .*0.png is 8x8; give size="):
        nd.load(source)
    assert nd.load(source, size=4).spec.shape == (3, 4, 4)


def test_large_images_need_a_size(tmp_path: Path) -> None:
    source = str(write_tree(tmp_path, {f"{i}.png": encoded(np.zeros((600, 600), np.uint8)) for i in range(3)}))
    with pytest.raises(InputError, match=r"0.png is 600x600, larger than 512 a side; give size="):
        nd.load(source)
    assert nd.load(source, size=8).spec.shape == (1, 8, 8)


def test_grey_among_colour_becomes_colour(tmp_path: Path) -> None:
    files = {f"{i}.png": encoded(picture(i, 8, 8) if i == 2 else picture(i)) for i in range(6)}
    raw = nd.load(str(write_tree(tmp_path, files))).train.raw
    assert raw.shape == (6, 3, 8, 8)
    np.testing.assert_array_equal(raw[2], np.broadcast_to(picture(2, 8, 8), (3, 8, 8)))


@pytest.mark.parametrize("kind", ["folder", "zip", ".tar"])
def test_no_images(tmp_path: Path, kind: str) -> None:
    with pytest.raises(InputError, match=r"holds no images"):
        nd.load(str(write(kind, tmp_path, {"readme.txt": b"x"})))


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(InputError, match=r"x.txt is not a data set; expected a folder, .zip"):
        nd.load(str(tmp_path / "x.txt"))


@pytest.mark.parametrize("kind", ["folder", "zip", ".tar.xz"])
@pytest.mark.parametrize(
    "content", [b"", b"nonsense", encoded(picture(0))[:-40], encoded(picture(0, 64, 64), "JPEG")[:900]]
)
def test_damaged_images_are_named(tmp_path: Path, kind: str, content: bytes) -> None:
    files = {f"{i}.png": encoded(picture(i)) for i in range(6)} | {"3.png": content}
    path = write(kind, tmp_path, files)
    before = list(warnings.filters)
    with pytest.raises(InputError, match=r"set.*[/:]3.png is .*(damaged|not an image)"):
        nd.load(str(path))
    assert warnings.filters == before


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [8_200, 9_800, 60_000])
def test_bombs_are_named(tmp_path: Path, side: int) -> None:
    files = {f"{i}.png": encoded(picture(i)) for i in range(6)} | {"3.png": png_header(side, side)}
    with pytest.raises(InputError, match=r"3.png unpacks to more than 67108864 pixels"):
        nd.load(str(write_tree(tmp_path, files)), size=8)


@pytest.mark.parametrize("kind", ["folder", "zip", ".tar.xz"])
def test_members_of_many_bytes_are_refused(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    path = write(kind, tmp_path, {"0.png": b"\0" * 1001})
    with pytest.raises(InputError, match=r"0.png has 1001 bytes, more than the 1000"):
        nd.load(str(path))


@pytest.mark.parametrize("kind", ["zip", ".tar", ".tar.xz"])
@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/../../x.png", "..\\x.png", "C:\\x.png"])
def test_members_outside(tmp_path: Path, kind: str, name: str) -> None:
    path = write(kind, tmp_path, {"0.png": encoded(picture(0)), name: encoded(picture(1))})
    with pytest.raises(InputError, match=r"points outside the archive; nothing of it is used"):
        nd.load(str(path))


@pytest.mark.parametrize("type_", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_in_a_tar(tmp_path: Path, type_: bytes) -> None:
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("0.png")
        member.type, member.linkname = type_, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(InputError, match=r"'0.png', which is a link or device"):
        nd.load(str(path))


def test_links_in_a_zip(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("0.png")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        packed.writestr(entry, "/etc/passwd")
    with pytest.raises(InputError, match=r"'0.png', which is a link"):
        nd.load(str(tmp_path / "set.zip"))


def test_two_members_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as tar:
        for _ in range(2):
            member = tarfile.TarInfo("0.png")
            member.size = len(encoded(picture(0)))
            tar.addfile(member, io.BytesIO(encoded(picture(0))))
    with pytest.raises(InputError, match=r"two images of the name .*0.png"):
        nd.load(str(path))


@pytest.mark.parametrize("kind", ["zip", ".tar", ".tgz", ".tar.xz", ".tar.bz2"])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9])
def test_truncated_archives(tmp_path: Path, kind: str, keep: float) -> None:
    path = write(kind, tmp_path, {f"{i}.png": encoded(picture(i, 40, 40)) for i in range(20)})
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(InputError, match=r"set\..*damaged or cannot be read"):
        nd.load(str(path))


def test_a_tar_cut_between_members(tmp_path: Path) -> None:
    path = write(".tar", tmp_path, {f"{i}.png": b"\0" * 512 for i in range(4)})
    path.write_bytes(path.read_bytes()[:2048])
    with pytest.raises(InputError, match=r"damaged"):
        nd.load(str(path))


def test_a_damaged_header_in_a_tar(tmp_path: Path) -> None:
    path = write(".tar", tmp_path, {f"{i}.png": encoded(picture(i)) for i in range(4)})
    content = bytearray(path.read_bytes())
    content[1024 + 100] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"ends or is damaged after 1024 bytes"):
        nd.load(str(path))


@pytest.mark.parametrize("kind", ["zip", ".tar.xz"])
def test_nonsense_for_an_archive(tmp_path: Path, kind: str) -> None:
    (tmp_path / f"set{kind if kind[0] == '.' else '.zip'}").write_bytes(b"nonsense" * 100)
    with pytest.raises(InputError, match=r"damaged"):
        nd.load(str(next(tmp_path.iterdir())))


def test_a_flipped_bit_in_a_zip(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {f"{i}.png": encoded(picture(i)) for i in range(4)})
    content = bytearray(path.read_bytes())
    content[120] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"set.zip:0.png is damaged"):
        nd.load(str(path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
@pytest.mark.parametrize("locked", ["set", "set/cat", "set/cat/00.png"])
def test_without_permission(tmp_path: Path, locked: str) -> None:
    source = write_tree(tmp_path / "set", class_files())
    (tmp_path / locked).chmod(0)
    try:
        with pytest.raises(InputError, match=r"cannot be read"):
            nd.load(str(source))
    finally:
        (tmp_path / locked).chmod(0o755)


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(archive.os, "scandir", refuse)
    with pytest.raises(InputError, match=r"cannot be read \(Permission denied\); check its permissions"):
        archive.listing(tmp_path)


def test_folders_that_are_links_are_followed_once(tmp_path: Path) -> None:
    write_tree(tmp_path / "far", {f"{i}.png": encoded(picture(i)) for i in range(4)})
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "cat").symlink_to(tmp_path / "far")
    (tmp_path / "far" / "loop").symlink_to(tmp_path / "set")
    assert list(archive.listing(tmp_path / "set")) == [f"cat/{i}.png" for i in range(4)]


def through(image: Image.Image, kind: str = "PNG", size: int | None = None) -> np.ndarray:
    stream = io.BytesIO()
    image.save(stream, kind)
    return decode.decode("x", stream.getvalue(), decode.Framing(size=size))


def test_kinds_of_pixels() -> None:
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    assert (through(clear) == 255).all()
    assert through(Image.new("LA", (4, 4), (10, 255))).tolist() == [[10] * 4] * 4
    assert through(Image.new("1", (4, 4), 1)).max() == 255
    assert through(Image.new("P", (4, 4))).shape == (4, 4, 3)
    assert through(Image.new("CMYK", (4, 4)), "TIFF").shape == (4, 4, 3)
    wide = Image.fromarray(np.full((4, 4), 257 * 100, np.uint16))
    assert through(wide).tolist() == [[100] * 4] * 4
    with pytest.raises(InputError, match=r"x is an image of mode F, which is not read"):
        through(Image.new("F", (4, 4)), "TIFF")
    with pytest.raises(InputError, match=r"x is a 32-bit image"):
        through(Image.fromarray(np.full((4, 4), 70_000, np.int32)), "TIFF")


def test_the_central_square() -> None:
    wide = np.zeros((8, 16), np.uint8)
    wide[:, 4:12] = picture(0, 8, 8)
    np.testing.assert_array_equal(through(Image.fromarray(wide), size=8), picture(0, 8, 8))


def test_resizing_averages() -> None:
    checks = (np.indices((64, 64)).sum(0) % 2 * 254).astype(np.uint8)
    assert np.abs(through(Image.fromarray(checks), size=8).astype(int) - 127).max() <= 2


def test_exif_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.new("L", (8, 4)).save(stream, "JPEG", exif=exif)
    assert decode.decode("x", stream.getvalue(), decode.Framing()).shape == (8, 4)
