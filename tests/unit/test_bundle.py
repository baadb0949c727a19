"""What is deployed: nothing but what the functions need."""

from __future__ import annotations

from pathlib import Path

from tests.bundle import bundle_files
from tests.conftest import ROOT

ADAPTERS = {
    "__init__",
    "bootstrap",
    "building",
    "clock",
    "cloud_monitoring",
    "cloud_tasks",
    "discovery",
    "firestore",
    "firestore_wire",
    "judge0",
    "logs",
    "object_store",
    "settings",
    "tokens",
    "traces",
}


def test_the_bundle_is_main_its_requirements_the_service_and_the_adapters() -> None:
    files = bundle_files(ROOT)
    service = {file for file in files if file.parts[0] == "functions"}
    adapters = {Path("infra", f"{name}.py") for name in ADAPTERS}
    assert {file.suffix for file in service} == {".py"}
    assert service == {file.relative_to(ROOT) for file in (ROOT / "functions").rglob("*.py")}
    assert set(files) - service == {Path("main.py"), Path("requirements.txt"), *adapters}


def test_what_lies_about_does_not_go_along(tmp_path: Path) -> None:
    (tmp_path / ".gcloudignore").write_text((ROOT / ".gcloudignore").read_text())
    stray = (
        ".env",
        ".local/8080/jwt.secret",
        ".venv/lib/a.py",
        ".venv-load/lib/a.py",
        "dist/sbom.json",
        "functions/__pycache__/api.cpython-311.pyc",
        "frontend/node_modules/a/index.js",
        "terraform/terraform.tfstate",
        "requirements-load.txt",
    )
    for name in ("main.py", "functions/domain/line.py", *stray):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert bundle_files(tmp_path) == [Path("functions/domain/line.py"), Path("main.py")]
