"""The plan of `terraform/`, made without a cloud: by the command in TERRAFORM_CHECK, else by the registry's."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, missing

TERRAFORM = ROOT / "terraform"
ALWAYS = {"project": "example", "alert_email": "staff@example.org", "repository": str(ROOT)}
WITH_MACHINE = {**ALWAYS, "vm_size": "large", "auth": '{jwks_url="https://keys.example.org"}'}
WITH_SEVERAL = {
    **WITH_MACHINE,
    "judges": (
        '{most=10, schedule={algorithms={cron="40 8 14 6 * 2031", minutes=180, judges=4, time_zone="Europe/Vienna"}}}'
    ),
    "max_concurrent_submissions": "auto:2-30",
}
WITH_EVERYTHING = {
    **ALWAYS,
    "judge0_url": "https://judge.example.org,https://small.example.org=3",
    "judge0_api_host": "judge.example.org",
    "judge0_api_key": "key",
    "judge0_auth_token": "token",
    "max_concurrent_submissions": "100",
    "auth": '{issuer="https://issuer.example.org", audience="exam"}',
    "auth_jwt_secret": "a secret of more than thirty-two characters",
    "allowed_origins": '["https://exam.example.org"]',
}
WITHOUT_A_CLOUD = """
terraform {
  backend "local" {}
}
locals {
  project_number = "123456789012"
}
data "google_project" "this" {
  count = 0
}
"""
"""For Terraform itself: what it would ask of Google while it plans."""


@dataclass(frozen=True)
class Plan:
    content: Mapping[str, Any]

    @cached_property
    def changes(self) -> dict[str, dict[str, Any]]:
        """What is to be made, by address. What is known only afterwards is None, or not there."""
        return {
            each["address"]: each["change"]["after"]
            for each in self.content["resource_changes"]
            if "create" in each["change"]["actions"]
        }

    @property
    def outputs(self) -> Mapping[str, Any]:
        return {name: each.get("value") for name, each in self.content["planned_values"]["outputs"].items()}

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """All of one type: key of its for_each (or its name) -> values."""
        found = {}
        for each in self.content["resource_changes"]:
            if each["type"] == kind and each["address"] in self.changes:
                found[each.get("index", each["name"])] = self.changes[each["address"]]
        return found

    def known_later(self, kind: str, key: str) -> Mapping[str, Any]:
        """What of it is known only when it was made."""
        found: Mapping[str, Any] = next(
            each["change"]["after_unknown"]
            for each in self.content["resource_changes"]
            if each["type"] == kind and each.get("index", each["name"]) == key
        )
        return found

    def read(self, kind: str) -> Mapping[str, Any]:
        """The one data source of this type."""
        resources = self.content["prior_state"]["values"]["root_module"]["resources"]
        found: Mapping[str, Any] = next(each["values"] for each in resources if each["type"] == kind)
        return found


def check(folder: Path, variables: Mapping[str, str] | None = None) -> tuple[bool, str]:
    """Validate ``folder``, with ``variables`` plan it, too (`plan.json` beside it): is it right, and what was said."""
    given = [word for name, value in (variables or {}).items() for word in ("-var", f"{name}={value}")]
    command = os.environ.get("TERRAFORM_CHECK")
    if command is None:
        return _check_by_registry(folder, given)
    plan = ["--plan-json", str(folder.parent / "plan.json")] if variables else ["--no-plan"]
    done = subprocess.run([*shlex.split(command), *given, *plan, str(folder)], cwd=ROOT, capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def _check_by_registry(folder: Path, given: list[str]) -> tuple[bool, str]:
    if shutil.which("terraform") is None:
        missing("Terraform: install it, or name a command that validates in TERRAFORM_CHECK")
    environment = os.environ | {"GOOGLE_OAUTH_ACCESS_TOKEN": "none is needed to plan"}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["terraform", *words], cwd=folder, env=environment, capture_output=True, text=True)

    (folder / "zz_override.tf").write_text(WITHOUT_A_CLOUD)
    if run("init", "-input=false").returncode:
        missing("Terraform's registry does not answer: name a command that validates in TERRAFORM_CHECK")
    done = run("validate")
    if done.returncode == 0 and given:
        done = run("plan", "-input=false", "-out=plan", *given)
        (folder.parent / "plan.json").write_text(run("show", "-json", "plan").stdout)
    return done.returncode == 0, done.stdout + done.stderr


def copy_of_terraform(to: Path) -> Path:
    """A copy that a test may change."""
    return shutil.copytree(TERRAFORM, to / "terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))


def plan(folder: Path, variables: Mapping[str, str]) -> Plan:
    right, said = check(copy_of_terraform(folder), variables)
    assert right, said
    return Plan(json.loads((folder / "plan.json").read_text()))


@pytest.fixture(scope="session")
def with_machine(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A large Judge0 of our own."""
    return plan(tmp_path_factory.mktemp("machine"), WITH_MACHINE)


@pytest.fixture(scope="session")
def with_several(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """One to ten of them, each judging as many at once as it bears."""
    return plan(tmp_path_factory.mktemp("several"), WITH_SEVERAL)


@pytest.fixture(scope="session")
def with_everything(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """Judges elsewhere, one with as many slots as there can be, and every variable given."""
    return plan(tmp_path_factory.mktemp("everything"), WITH_EVERYTHING)


@pytest.fixture(params=["with_machine", "with_several", "with_everything"])
def planned(request: pytest.FixtureRequest) -> Plan:
    """Each of the plans."""
    found: Plan = request.getfixturevalue(request.param)
    return found
