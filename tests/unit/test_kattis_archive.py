"""Packages as zip files: read like the folder, and whatever is wrong with one ends soon, in a line, without a trace."""

from __future__ import annotations

import os
import stat
import struct
import tempfile
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra import local
from infra.admin.__main__ import cli
from infra.admin.context import Context
from infra.kattis import Package, PackageError, read_package
from infra.kattis.archive import read_path
from tests.fakes import World

QUESTIONS = Path(local.__file__).parent / "questions"
FILES: dict[str, bytes] = {
    "problem.yaml": b"name: Hello\n",
    "problem_statement/problem.en.md": b"Say hello.\n",
    "data/sample/1.in": b"1\n",
    "data/sample/1.ans": b"one\n",
    "data/secret/2.in": b"2\n",
    "data/secret/2.ans": b"two\n",
}


@pytest.fixture(autouse=True)
def unpacked_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where archives are unpacked; after each test nothing is left there."""
    place = tmp_path_factory.mktemp("unpacked")
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield place
    assert list(place.iterdir()) == []


def zipped(
    path: Path, files: Mapping[str, bytes] = FILES, *, folder: str = "", method: int = zipfile.ZIP_DEFLATED
) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return path


def with_entry(
    path: Path, name: str, content: bytes = b"", *, mode: int = 0, files: Mapping[str, bytes] = FILES
) -> Path:
    """A good package and one more entry."""
    zipped(path, files)
    entry = zipfile.ZipInfo(name)
    entry.external_attr = mode << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, content)
    return path


def refused(path: Path) -> list[str]:
    with pytest.raises(PackageError) as error:
        read_path(path)
    assert all(line.isprintable() for line in error.value.problems)
    return list(error.value.problems)


def of_folder(folder: Path) -> dict[str, bytes]:
    return {each.relative_to(folder).as_posix(): each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def headers(data: bytes, name: str) -> tuple[int, int]:
    """Where the entry's two headers begin: beside its content, and in the table of contents."""
    beside = data.index(name.encode()) - 30
    listed = data.rindex(name.encode()) - 46
    assert (data[beside : beside + 4], data[listed : listed + 4]) == (b"PK\x03\x04", b"PK\x01\x02")
    return beside, listed


def says(path: Path, name: str, size: int) -> Path:
    """As if the entry had ``size`` bytes."""
    data = bytearray(path.read_bytes())
    beside, listed = headers(bytes(data), name)
    struct.pack_into("<I", data, beside + 22, size)
    struct.pack_into("<I", data, listed + 24, size)
    path.write_bytes(data)
    return path


# What is read.


@pytest.mark.parametrize("question_id", ["sum", "shuffle", "pairs", "latin-1"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_is_the_very_package_of_the_folder(tmp_path: Path, question_id: str, method: int) -> None:
    folder = QUESTIONS / question_id
    files = of_folder(folder)
    at_root = zipped(tmp_path / f"{question_id}.zip", files, method=method)
    inside = zipped(tmp_path / "of a course (2).ZIP", files, folder=f"{question_id}/", method=method)
    package = read_package(folder)
    assert read_path(at_root) == (package, f"the root of {question_id}.zip")
    assert read_path(inside) == (package, f"the folder {question_id} in of a course (2).ZIP")
    assert read_path(folder) == (package, None)


def test_folders_may_be_listed_and_what_a_mac_adds_is_passed_over(tmp_path: Path) -> None:
    files = {
        "hello/": b"",
        ".DS_Store": b"\x00",
        "hello/.DS_Store": b"\x00",
        **{f"hello/{name}": content for name, content in FILES.items()},
        "hello/data/": b"",
        "hello/include.d/": b"",
        "hello/.timelimit": b"2",
        "__MACOSX/hello/._problem.yaml": b"\x00",
    }
    package, _ = read_path(zipped(tmp_path / "a.zip", files))
    assert (package.question.question_id, package.question.limits.cpu_seconds) == ("hello", 2.0)


def test_an_archive_in_the_archive_is_a_file_like_any_other(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip").read_bytes()
    package, _ = read_path(zipped(tmp_path / "hello.zip", {**FILES, "data/secret/2.in": inner}))
    assert package.question.tests[1].stdin == inner


def test_an_archive_behind_something_else_is_read_too(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "hello.zip")
    archive.write_bytes(b"#!/bin/sh\n" + archive.read_bytes())
    assert read_path(archive)[0].question.question_id == "hello"


def test_what_is_wrong_with_the_package_itself_is_told_under_its_id(tmp_path: Path) -> None:
    files = {name: content for name, content in FILES.items() if not name.endswith("2.ans")}
    problem = "hello: data/secret/2.in: its data/secret/2.ans is missing"
    assert refused(zipped(tmp_path / "hello.zip", files)) == [problem]
    assert refused(zipped(tmp_path / "x.zip", files, folder="hello/")) == [problem]
    assert refused(zipped(tmp_path / "y.zip", files, folder="a b/"))[0].startswith("a b: the folder's name is the")


# Which layout.


def test_at_the_root_the_archives_own_name_must_be_an_id(tmp_path: Path) -> None:
    assert refused(zipped(tmp_path / "hello (1).zip")) == [
        "hello (1).zip: its name without .zip is the question's id: it must match [A-Za-z0-9][A-Za-z0-9_-]{0,63}"
    ]
    assert refused(zipped(tmp_path / "...zip"))[0].startswith("...zip: its name without .zip")


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"readme.txt": b""},
        {f"a/{name}": content for name, content in FILES.items()} | {"b/problem.yaml": b""},
        {f"a/{name}": content for name, content in FILES.items()} | {"readme.txt": b""},
        {name: content for name, content in FILES.items() if name != "problem.yaml"},
    ],
)
def test_files_that_lie_neither_at_the_root_nor_in_one_folder_are_refused(
    tmp_path: Path, files: dict[str, bytes]
) -> None:
    assert refused(zipped(tmp_path / "hello.zip", files)) == [
        "hello.zip: problem.yaml is not at its root, and its files do not lie in one folder: either must be so"
    ]


# What is no archive.


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", b"PK\x05\x06" + b"\x00" * 17, b"PK\x05\x06" + b"\xff" * 18])
def test_what_is_no_archive_is_told_so(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "hello.zip"
    file.write_bytes(content)
    [problem] = refused(file)
    assert problem.startswith("hello.zip: not a zip file, or a damaged one: ")


def test_what_is_no_file_is_told_so_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.zip")
    assert refused(tmp_path / "pipe.zip") == ["pipe.zip: not a file"]
    assert refused(tmp_path / "nothing.zip") == ["nothing.zip: not a file"]
    (tmp_path / "folder.zip").mkdir()
    assert refused(tmp_path / "folder.zip")[0].startswith("folder.zip: the folder's name is the question's id")


def test_an_archive_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "hello.zip").read_bytes()
    file = tmp_path / "cut.zip"
    for end in range(0, len(whole), 7):
        file.write_bytes(whole[:end])
        assert refused(file)[0].startswith("cut.zip: not a zip file, or a damaged one: ")


def test_bytes_that_changed_are_found_by_their_checksum(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "hello.zip", method=zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"two\n", b"too\n"))
    [problem] = refused(archive)
    assert problem == "hello.zip: not a zip file, or a damaged one: Bad CRC-32 for file 'data/secret/2.ans'"


def test_an_entry_that_lies_beyond_all_files_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "hello.zip")
    entry = zipfile.ZipInfo("data/secret/3.in")
    entry.extra = struct.pack("<HHQ", 1, 8, 2**64 - 1)
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(entry, b"3")
    data = bytearray(archive.read_bytes())
    struct.pack_into("<I", data, headers(bytes(data), "data/secret/3.in")[1] + 42, 2**32 - 1)
    archive.write_bytes(data)
    assert refused(archive)[0].startswith("hello.zip: not a zip file, or a damaged one: ")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.data())
def test_an_archive_with_any_bytes_changed_is_read_or_refused_but_breaks_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("fuzz")
    file = zipped(place / "hello.zip", method=data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))
    content = bytearray(file.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 4))] = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"\xff" * 4, b"\x00" * 4, b"../", b"PK\x01\x02", b"PK\x05\x06"])
        )
    file.write_bytes(content)
    with suppress(PackageError):
        assert isinstance(read_path(file)[0], Package)
    assert list(place.iterdir()) == [file]


# What is in it.

PLAIN = "not a plain path inside of the archive"
CONTROL = "its name has a control character"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../evil", PLAIN),
        ("data/../../evil", PLAIN),
        ("data/..", PLAIN),
        ("..", PLAIN),
        ("/etc/evil", PLAIN),
        ("//host/evil", PLAIN),
        ("data//evil", PLAIN),
        ("./evil", PLAIN),
        ("data/./evil", PLAIN),
        ("data//", PLAIN),
        ("/", PLAIN),
        ("", PLAIN),
        ("C:/evil", PLAIN),
        ("c:evil", PLAIN),
        ("data\\evil", PLAIN),
        ("..\\evil", PLAIN),
        ("data\n/..\\evil", CONTROL),
        ("evil\n", CONTROL),
        ("evil\x1b[31m", CONTROL),
        ("evil\u2028", CONTROL),
        (f"data/{'é' * 126}", "its name has 257 bytes: at most 255"),
        ("a/" * 127 + "bc", "its name has 256 bytes: at most 255"),
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_written(
    tmp_path: Path, unpacked_in: Path, name: str, problem: str
) -> None:
    archive = with_entry(tmp_path / "hello.zip", name, b"evil")
    before = set(tmp_path.parent.rglob("*"))
    [told] = refused(archive)
    assert told.startswith("hello.zip: ")
    assert told.endswith(f": {problem}")
    assert set(tmp_path.parent.rglob("*")) == before


def test_a_name_with_a_nul_is_refused_though_it_is_cut_there(tmp_path: Path) -> None:
    archive = with_entry(tmp_path / "hello.zip", "readme.txt#/../../evil", b"evil")
    archive.write_bytes(archive.read_bytes().replace(b"readme.txt#", b"readme.txt\0"))
    assert refused(archive) == [f"hello.zip: readme.txt\\x00/../../evil: {CONTROL}"]


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    archive = with_entry(tmp_path / "hello.zip", "é", b"evil")
    archive.write_bytes(archive.read_bytes().replace("é".encode(), b"\xff\xff"))
    [problem] = refused(archive)
    assert problem.startswith("hello.zip: not a zip file, or a damaged one: 'utf-8' codec")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("data/secret/2.in", "data/secret/2.in: is there twice"),
        ("data/secret/2.IN", "data/secret/2.IN: is there as data/secret/2.in too"),
        ("Data/other", "Data: is there as data too"),
        ("data/secret/2.in/", "data/secret/2.in: is there twice"),
        ("data/secret/2.in/x", "data/secret/2.in: is a file and a folder"),
        ("DATA/secret", "DATA/secret: is there as data/secret too"),
        ("data", "data: is a file and a folder"),
    ],
)
def test_names_that_are_one_somewhere_are_refused(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.warns(UserWarning, match="Duplicate name") if name in FILES else nullcontext():
        archive = with_entry(tmp_path / "hello.zip", name, b"" if name.endswith("/") else b"other")
    assert f"hello.zip: {problem}" in refused(archive)


def test_names_that_are_written_in_two_ways_are_refused(tmp_path: Path) -> None:
    files = {**FILES, "Stra\u00dfe": b"", "strasse": b"", "\u00e9": b"", "e\u0301": b""}
    assert refused(zipped(tmp_path / "hello.zip", files)) == [
        "hello.zip: strasse: is there as Straße too",
        "hello.zip: strasse: is there twice",
        "hello.zip: e\u0301: is there as é too",
        "hello.zip: e\u0301: is there twice",
    ]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK, stat.S_IFDIR])
def test_what_is_neither_file_nor_folder_is_refused(tmp_path: Path, kind: int) -> None:
    archive = with_entry(tmp_path / "hello.zip", "data/secret/3.in", b"/etc/passwd", mode=kind | 0o777)
    assert refused(archive) == ["hello.zip: data/secret/3.in: a link or another special file"]
    folder = with_entry(tmp_path / "hello.zip", "data/more/", mode=stat.S_IFLNK | 0o777)
    assert refused(folder) == ["hello.zip: data/more/: a link or another special file"]


def test_what_the_archive_says_of_who_may_read_a_file_is_not_taken_over(tmp_path: Path) -> None:
    archive = with_entry(tmp_path / "hello.zip", "data/secret/3.in", b"3", mode=stat.S_IFREG)
    assert refused(archive) == ["hello: data/secret/3.in: its data/secret/3.ans is missing"]  # it was read


@pytest.mark.parametrize("flag", [0x1, 0x40, 0x2000])
def test_an_encrypted_entry_is_refused(tmp_path: Path, flag: int) -> None:
    archive = zipped(tmp_path / "hello.zip")
    data = bytearray(archive.read_bytes())
    for place, offset in zip(headers(bytes(data), "data/secret/2.in"), (6, 8), strict=True):
        struct.pack_into("<H", data, place + offset, flag)
    archive.write_bytes(data)
    assert refused(archive) == ["hello.zip: data/secret/2.in: is encrypted"]


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_whose_unpacking_has_no_bound_is_refused(tmp_path: Path, method: int) -> None:
    problems = refused(zipped(tmp_path / "hello.zip", method=method))
    assert set(problems) == {
        f"hello.zip: {name}: its compression is not supported (only stored and deflated)" for name in FILES
    }


# How much is in it.


def zeros(path: Path, size: int) -> Path:
    """A package with ``size`` zeros in a thousandth of it."""
    block = bytes(1_000_000)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
        with archive.open("zeros", "w", force_zip64=False) as entry:
            for _ in range(size // len(block)):
                entry.write(block)
    return path


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many bytes came out of archives."""
    sizes: list[int] = []
    read = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, size: int | None = -1) -> bytes:
        chunk = read(self, size)
        sizes.append(len(chunk))
        return chunk

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    return lambda: sum(sizes)


def test_a_gigabyte_of_zeros_ends_at_the_bound(tmp_path: Path, unpacked: Callable[[], int]) -> None:
    bomb = zeros(tmp_path / "hello.zip", 1_000_000_000)
    assert bomb.stat().st_size < 10_000_000
    tracemalloc.start()
    assert refused(bomb) == ["hello.zip: unpacks to more than 100000000 bytes"]
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert unpacked() <= 100_000_000 + 65_536
    assert most < 5_000_000


def test_many_entries_are_bounded_together(
    tmp_path: Path, unpacked: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.kattis.archive.MAX_ARCHIVE_BYTES", 1_000_000)
    files = {**FILES, **{f"data/secret/{number}.in": bytes(100_000) for number in range(3, 100)}}
    assert refused(zipped(tmp_path / "hello.zip", files)) == ["hello.zip: unpacks to more than 1000000 bytes"]
    assert unpacked() <= 1_000_000 + 65_536


@pytest.mark.parametrize("said", [0, 1000, 999_999])
def test_an_entry_that_unpacks_to_more_than_it_says_ends_there(
    tmp_path: Path, unpacked: Callable[[], int], said: int
) -> None:
    bomb = says(zeros(tmp_path / "hello.zip", 50_000_000), "zeros", said)
    assert refused(bomb) == [f"hello.zip: zeros: unpacks to more than the {said} bytes that it says"]
    assert unpacked() <= said + 2 * 65_536


def test_not_even_a_checksum_that_fits_hides_what_comes_after_the_size_that_is_said(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "hello.zip", {**FILES, "data/secret/2.in": b"short, and what nobody is to see"})
    says(archive, "data/secret/2.in", 5)
    data = bytearray(archive.read_bytes())
    for place, offset in zip(headers(bytes(data), "data/secret/2.in"), (14, 16), strict=True):
        struct.pack_into("<I", data, place + offset, zlib.crc32(b"short"))
    archive.write_bytes(data)
    assert refused(archive)[0].startswith("hello.zip: ")


def test_an_entry_that_unpacks_to_less_than_it_says_is_refused(tmp_path: Path) -> None:
    archive = says(zipped(tmp_path / "hello.zip"), "data/secret/2.in", 2_000_000_000)
    assert refused(archive) == ["hello.zip: data/secret/2.in: unpacks to less than the 2000000000 bytes that it says"]


def test_more_entries_than_the_bound_are_refused(tmp_path: Path) -> None:
    files = {**FILES, **{f"data/more/{number}": b"" for number in range(4995)}}
    assert refused(zipped(tmp_path / "hello.zip", files)) == ["hello.zip: 5001 entries: at most 5000"]


def test_a_table_of_contents_of_any_size_is_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "hello.zip", "w") as archive:
        for number in range(80):
            entry = zipfile.ZipInfo(f"{number}")
            entry.comment = bytes(60_000)
            archive.writestr(entry, b"")
    tracemalloc.start()
    [problem] = refused(tmp_path / "hello.zip")
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert problem.endswith("its table of contents has 4803830 bytes: at most 4000000")
    assert most < 1_000_000


def test_an_archive_above_the_bound_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    with (tmp_path / "hello.zip").open("wb") as file:
        file.truncate(100_000_001)
    assert refused(tmp_path / "hello.zip") == ["hello.zip: 100000001 bytes: at most 100000000"]


def test_of_a_thousand_problems_a_hundred_are_told_each_in_a_line(tmp_path: Path) -> None:
    files = {**FILES, **{f"../{'x' * 200}\n{number}": b"" for number in range(1000)}}
    problems = refused(zipped(tmp_path / "hello.zip", files))
    assert len(problems) == 101
    assert problems[-1] == "hello.zip: and more"


# The command.


def test_importing_takes_folders_and_archives_and_says_where_in_them_the_files_were(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Context, "service", world.service)
    at_root = zipped(tmp_path / "hello.zip")
    inside = zipped(tmp_path / "course.zip", folder="hello/")
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"no zip")
    paths = [str(each) for each in (at_root, bad, inside, tmp_path / "none.zip", QUESTIONS / "test")]
    result = CliRunner().invoke(cli, ["questions", "import", *paths])
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "imported   hello: 2 tests, from the root of hello.zip",
        "unchanged  hello: 2 tests, from the folder hello in course.zip",
        f"imported   test: {len(read_package(QUESTIONS / 'test').question.tests)} tests",
    ]
    assert result.stderr.splitlines() == [
        "refused    bad.zip: bad.zip: not a zip file, or a damaged one: File is not a zip file",
        "refused    none.zip: none.zip: not a file",
        "Error: 2 of 5 refused",
    ]
