"""What a hostile archive, binary or script tries: the verdict that Judge0 gives, and an unharmed runner."""

import base64
import io
import struct
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest

EXECUTABLE, MULTI_FILE, BASH, PYTHON = 44, 89, 46, 71
SYMLINK = 0o120777 << 16


@pytest.fixture(autouse=True)
def _unharmed(judge0: Any) -> Any:
    """After every attack the runner still judges, and nothing of the attack runs on."""
    yield
    assert judge0.judge(BASH, "echo fine")["stdout"] == b"fine\n"
    assert judge0.tree() == set()


def zipped(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        for name, place in (links or {}).items():
            link = zipfile.ZipInfo(name)
            link.create_system, link.external_attr = 3, SYMLINK
            archive.writestr(link, place)
    return base64.b64encode(content.getvalue()).decode()


def project(judge0: Any, archive: str, **attributes: object) -> Any:
    return judge0.judge(MULTI_FILE, None, additional_files=archive, **attributes)


def test_a_link_in_an_archive_leads_nowhere(judge0: Any) -> None:
    links = {"out": "/etc/shadow", "up": "../../../etc/passwd"}
    done = project(judge0, zipped({"run": b"cat out up; echo over"}, links))
    assert b"root:" not in (done["stdout"] or b"")
    assert done["stdout"].endswith(b"over\n")


def test_a_name_that_leads_out_of_the_box_is_left_out(judge0: Any) -> None:
    files = {"../escaped": b"x", "/tmp/absolute": b"x", "a/../../b": b"x", "fine": b"x"}
    done = project(judge0, zipped({**files, "run": b"find /box /tmp -type f | sort"}))
    assert done["stdout"].split() == [b"/box/fine", b"/box/run"]


def test_a_bomb_in_an_archive_is_not_unpacked(judge0: Any) -> None:
    bomb = zipped({"run": b"echo ran", "zeros": bytes(300_000_000)})
    done = project(judge0, bomb)
    assert done["status_id"] == 11  # its `run` is missed with all the rest, as in Judge0
    assert done["stdout"] is None


def test_an_archive_of_too_many_files_is_not_unpacked(judge0: Any) -> None:
    many = zipped({"run": b"echo ran", **{f"f{n}": b"" for n in range(20_000)}})
    assert project(judge0, many)["stdout"] is None


@pytest.mark.parametrize("archive", [b"", b"PK\x03\x04 cut", b"\xff" * 1000])
def test_what_is_no_archive_holds_nothing(judge0: Any, archive: bytes) -> None:
    done = judge0.judge(MULTI_FILE, None, additional_files=base64.b64encode(archive or b"x").decode())
    assert (done["status_id"], done["stdout"]) == (11, None)


def test_a_binary_for_another_machine_does_not_run(judge0: Any) -> None:
    header = (
        b"\x7fELF"
        + bytes([2, 1, 1])
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 2, 243, 1, 0x10000, 64, 0, 0, 64, 56, 0, 0, 0, 0)
    )
    done = judge0.judge(EXECUTABLE, header + bytes(4096))
    assert done["status_id"] in (11, 14)
    assert done["stdout"] is None


def test_a_text_that_is_said_to_be_a_binary_does_no_harm(judge0: Any) -> None:
    assert judge0.judge(EXECUTABLE, b"\x00\x01\x02 no program")["status_id"] in (11, 14)


def test_killing_its_parent_ends_only_itself(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nprint('still here')")
    assert done["status_id"] in (3, 11, 12)


def test_compiling_for_ever_ends_as_a_compile_error(judge0: Any) -> None:
    files = {"compile": b"sleep 1000", "run": b"echo ran"}
    done = project(judge0, zipped(files))
    assert (done["status_id"], done["stdout"]) == (6, None)


def test_a_compile_script_that_fills_the_disk_stops(judge0: Any, has: Callable[[int], None]) -> None:
    files = {"compile": b"head -c 1G /dev/zero >big; head -c 1G /dev/zero >more; exit 1", "run": b"echo ran"}
    assert project(judge0, zipped(files))["status_id"] == 6
