"""What is written wrong in `terraform/` is found before anybody applies it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.terraform.conftest import check, copy_of_terraform


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("max_concurrent_dispatches =", "max_concurrent_dispatch =", 'named "max_concurrent_dispatch" is not expected'),
        ("  location = var.region\n\n  rate_limits", "  rate_limits", 'argument "location" is required'),
    ],
    ids=["a misspelt attribute", "a missing required one"],
)
def test_what_is_written_wrong_is_named(tmp_path: Path, right: str, wrong: str, words: str) -> None:
    folder = copy_of_terraform(tmp_path)
    queues = folder / "queues.tf"
    assert right in queues.read_text()
    queues.write_text(queues.read_text().replace(right, wrong))
    valid, said = check(folder)
    assert not valid
    assert words in " ".join(said.split())
