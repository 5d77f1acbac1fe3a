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
from PIL import Image, PngImagePlugin

import noiseless.data as nd
from noiseless.data import archive, decode
from noiseless.errors import InputError


def write(kind: str, folder: Path, files: dict[str, bytes]) -> Path:
    if kind == "folder":
        return write_tree(folder / "set", files)
    folder.mkdir(exist_ok=True)
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


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(depth: int, colours: int, rows: list[bytes], before: bytes = b"", after: bytes = b"") -> bytes:
    """A PNG file two pixels wide, with chunks before and after its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2, len(rows), depth, colours, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + after + chunk(b"IEND", b"")


def png_header(width: int, height: int) -> bytes:
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
    return decoded(stream.getvalue(), size)


def decoded(content: bytes, size: int | None = None) -> np.ndarray:
    [found] = decode.decode("x", content, decode.Framing(size=size)).values()
    return found


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


ORIENTATION = 6
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
)


def exif() -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = ORIENTATION
    return found


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG", "TIFF"])
@pytest.mark.parametrize("place", ["exif", "xmp"])
def test_orientation(kind: str, place: str) -> None:
    image, stream = Image.fromarray(np.repeat([[0, 200]], [4, 4], axis=1).astype(np.uint8).repeat(4, 0)), io.BytesIO()
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    tagged = {"PNG": {"pnginfo": info}, "TIFF": {"tiffinfo": {700: XMP}}}.get(kind, {"xmp": XMP})
    image.save(stream, kind, **(tagged if place == "xmp" else {"exif": exif()}))
    upright = decoded(stream.getvalue())
    assert upright.shape[:2] == (8, 4)
    assert upright[:3].max() < 20
    assert upright[5:].min() > 180


@pytest.mark.parametrize("after", [False, True])
def test_orientation_in_a_raw_profile_of_a_png(after: bool) -> None:
    content = exif().tobytes()
    profile = f"\nexif\n{len(content):8}\n{content.hex()}\n".encode()
    text = chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(profile))
    picture = png(8, 0, [bytes([1, 2])], **{"after" if after else "before": text})
    assert decoded(picture).tolist() == [[1], [2]]


@pytest.mark.parametrize(
    ("depth", "colours", "row", "key", "expected"),
    [
        (16, 0, struct.pack(">2H", 36751, 257), struct.pack(">H", 36751), [255, 1]),
        (4, 0, bytes([0x5A]), struct.pack(">H", 5), [255, 170]),
        (2, 0, bytes([0b01100000]), struct.pack(">H", 1), [255, 170]),
        (1, 0, bytes([0b01000000]), struct.pack(">H", 0), [255, 255]),
        (8, 0, bytes([5, 6]), struct.pack(">H", 5), [255, 6]),
        (8, 2, bytes([5, 6, 7, 1, 2, 3]), struct.pack(">3H", 5, 6, 7), [[255] * 3, [1, 2, 3]]),
        (16, 2, struct.pack(">6H", 999, 9, 9, 256, 512, 768), struct.pack(">3H", 999, 9, 9), [[255] * 3, [1, 2, 3]]),
    ],
)
def test_the_transparent_colour_of_a_png_is_white(
    depth: int, colours: int, row: bytes, key: bytes, expected: list[int]
) -> None:
    content = png(depth, colours, [row], before=chunk(b"tRNS", key))
    assert decoded(content).tolist() == [expected]
    with Image.open(io.BytesIO(content)) as image:
        assert decode.pixels("x", image, decode.Framing()).tolist() == [expected]


# names and folders ----------------------------------------------------------------------------------------------------


def backslashed(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name.replace("/", "\\"): content for name, content in files.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_names_with_backslashes_are_the_same_data(tmp_path: Path, kind: str) -> None:
    expected = nd.load(str(write(kind, tmp_path / "plain", part_files(""))))
    found = nd.load(str(write(kind, tmp_path / "other", backslashed(part_files("")))))
    assert found.fingerprint == expected.fingerprint
    assert len(found.test) == 6


def test_folders_with_backslashes_in_a_zip_are_no_files(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "set.zip", {"train\\": b""} | backslashed(part_files("")))
    assert nd.load(str(path)).notes == ()


def moved(files: dict[str, bytes], name: str) -> dict[str, bytes]:
    """PART/CLASS/FILE as ``name`` says."""
    parts = {key: key.split("/") for key in files}
    return {name.format(part=a, kind=b, file=c): files[key] for key, (a, b, c) in parts.items()}


def test_parts_within_classes(tmp_path: Path) -> None:
    expected = nd.load(str(write_tree(tmp_path / "a", part_files(""))))
    found = nd.load(str(write_tree(tmp_path / "b", moved(part_files(""), "{kind}/{part}/{file}"))))
    for one, other in (
        (found.train, expected.train),
        (found.validation, expected.validation),
        (found.test, expected.test),
    ):
        assert sorted(one.labels.tolist()) == sorted(other.labels.tolist())
        assert {x.tobytes() for x in one.take(range(len(one)))} == {x.tobytes() for x in other.take(range(len(other)))}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["cat/0", "dog/0", "test/0"], r"has the folder test/ but no train/; move .* or rename test/ if it is a class"),
        (["0", "1", "val/0"], "has the folder val/ but no train/"),
        (["cat/train/0", "cat/test/0", "dog/0"], r"cat/test/0.png lies in a folder test/ within another; give all"),
        (["cat/val/0", "cat/test/0", "dog/val/0"], "no train/"),
        (["a/b/test/0", "a/c/0", "b/0"], r"a/b/test/0.png lies in a folder test/ within another"),
    ],
)
def test_folders_of_splits_that_are_not_understood(tmp_path: Path, files: list[str], message: str) -> None:
    content = {f"{name}.png": encoded(picture(k)) for k, name in enumerate(files)}
    with pytest.raises(InputError, match=message):
        nd.load(str(write_tree(tmp_path, content)))


@pytest.mark.parametrize("kind", ["folder", "zip", ".tar.xz"])
def test_files_that_are_not_read_are_counted(tmp_path: Path, kind: str) -> None:
    files = {f"{i}.png": encoded(picture(i)) for i in range(6)} | {"a/1.HEIC": b"x", "2.heic": b"x", "list": b"x"}
    path = write(kind, tmp_path, files | {".hidden": b"x"})
    for _ in range(2):  # the second from the cache
        [note] = nd.load(str(path)).notes
        assert note.endswith("3 files are not images by their suffix and were not read: 2 .heic, 1 without suffix")
    write("folder", tmp_path, {"more.txt": b"x"})
    assert kind != "folder" or "4 files" in nd.load(str(path)).notes[0]


@pytest.mark.skipif(".avif" not in decode.suffixes(), reason="this Pillow reads no AVIF")
def test_avif_is_read(tmp_path: Path) -> None:
    files = {f"{i}.{kind.lower()}": encoded(picture(i, 16, 16), kind) for i, kind in enumerate(["PNG", "AVIF"] * 5)}
    data = nd.load(str(write_tree(tmp_path, files)))
    assert len(data.train.raw) == 10
    assert data.notes == ()


# frames ---------------------------------------------------------------------------------------------------------------

STACKS = {"tif": "TIFF", "gif": "GIF", "png": "PNG", "webp": "WEBP"}


def stack(kind: str, count: int = 5) -> bytes:
    stream, pages = io.BytesIO(), [Image.new("L", (8, 8), 40 * k) for k in range(count)]
    lossless = {"lossless": True} if kind == "webp" else {}
    pages[0].save(stream, STACKS[kind], save_all=True, append_images=pages[1:], **lossless)
    return stream.getvalue()


def levels(data: nd.Data) -> list[int]:
    return sorted({round(float(row.mean())) for row in data.train.raw})


@pytest.mark.parametrize("kind", STACKS)
def test_frames_are_refused_unless_it_is_said_which(tmp_path: Path, kind: str) -> None:
    files = {f"{i}.{kind}": stack(kind) for i in range(4)} | {"9.png": encoded(picture(0, 8, 8))}
    folder = write_tree(tmp_path / "set", files)
    with pytest.raises(InputError, match=rf"0.{kind} has 5 frames; .*image-files:PATH,frames=all.*frames=first"):
        nd.load(str(folder))
    assert len(nd.load(f"image-files:{folder},frames=first").train.raw) == 5
    data = nd.load(f"image-files:{folder},frames=all")
    assert len(data.train.raw) == 21
    assert set(range(0, 200, 40)) <= set(levels(data))
    assert nd.load(f"image-files:{folder},frames=all").fingerprint == data.fingerprint


@pytest.mark.parametrize("kind", STACKS)
def test_a_single_file_is_a_data_set_of_its_frames(tmp_path: Path, kind: str) -> None:
    write_tree(tmp_path, {f"cells.{kind}": stack(kind, 6)})
    data = nd.load(str(tmp_path / f"cells.{kind}"))
    assert data.spec.name == "cells"
    assert levels(data) == list(range(0, 240, 40))
    np.testing.assert_array_equal(data.train.raw[:, 0, 0, 0], range(0, 240, 40))


def test_choices_of_frames_that_do_not_exist(tmp_path: Path) -> None:
    write_tree(tmp_path, {"a.png": encoded(picture(0))})
    with pytest.raises(InputError, match="unknown choice of frames 'last'; known: all, first, one"):
        nd.load(f"image-files:{tmp_path},frames=last")
    with pytest.raises(InputError, match="no/where is given to image-files, and does not exist"):
        nd.load("image-files:no/where")


def test_a_stack_of_too_many_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_STACK", 64 * 4)
    write_tree(tmp_path, {"cells.tif": stack("tif", 5)})
    with pytest.raises(InputError, match=r"cells.tif has 5 frames of 8x8, over 256 pixels; split the file"):
        nd.load(str(tmp_path / "cells.tif"))


def test_an_open_stack_in_a_list_is_refused(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(stack("tif"))) as pages:
        with pytest.raises(InputError, match=r"item 0 .* has 5 frames; give each as an image of its own"):
            nd.load([pages])
        found = []
        for k in range(5):
            pages.seek(k)
            found.append(pages.copy())
    assert len(nd.load(found).train.raw) == 5


# what is no regular file ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="no pipes or devices by name")
@pytest.mark.parametrize("suffix", [".png", ".npy", ".npz", ".zip", ".tar", ".tif"])
@pytest.mark.parametrize("special", ["pipe", "device"])
def test_pipes_and_devices_are_refused_without_opening_them(tmp_path: Path, suffix: str, special: str) -> None:
    write_tree(tmp_path / "set", {f"{i}.png": encoded(picture(i)) for i in range(6)})
    path = tmp_path / "set" / f"x{suffix}"
    os.mkfifo(path) if special == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match=rf"x{suffix} is a pipe, a socket or a device, or a link to one"):
        nd.load(str(path))
    if suffix in (".png", ".tif"):
        with pytest.raises(InputError, match=rf"x{suffix} is a pipe, a socket or a device"):
            nd.load(str(tmp_path / "set"))


def test_folders_that_are_too_deep(tmp_path: Path) -> None:
    write_tree(tmp_path, {f"set/{'a/' * 101}0.png": encoded(picture(0))})
    with pytest.raises(InputError, match="lies more than 100 folders deep"):
        nd.load(str(tmp_path / "set"))


# what grows when it is unpacked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK])
@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_long_headers_of_a_tar_are_refused(tmp_path: Path, kind: bytes, mode: str) -> None:
    path = tmp_path / "set.tar"
    with tarfile.open(path, mode) as packed:  # type: ignore[call-overload]
        packed.addfile(tarfile.TarInfo("first"))
        member = tarfile.TarInfo("0.png")
        member.type, member.size = kind, archive.MOST_NAME + 1
        packed.fileobj.write(member.tobuf() + b"0" * (member.size + 511))
    with pytest.raises(InputError, match=r"set.tar .*is damaged .* has 1,048,577 bytes, more than 1,048,576"):
        nd.load(str(path))


@pytest.mark.parametrize("kind", ["zip", ".tar.xz", ".tgz"])
def test_archives_that_grow_are_refused_before_they_are_unpacked(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "GIB", 1 << 20)
    path = write(kind, tmp_path, {"0.png": encoded(picture(0)), "big.txt": bytes(1 << 21)})
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("0.png", bytes(1 << 21))
    with pytest.raises(
        InputError, match=r"set.* has [\d,]+ bytes and unpacks to [\d,]+ or more, over 200 times as many"
    ):
        nd.load(str(path))
