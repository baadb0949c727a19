"""Google's own Firestore emulator: where it lies, how it is started, kept and emptied."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import requests

from infra.local import clients

JAR = Path("platform/cloud-firestore-emulator/cloud-firestore-emulator.jar")
MAIN_CLASS = "com.google.cloud.datastore.emulator.firestore.CloudFirestore"
RULES = Path(__file__).parents[1] / "firestore.rules"
SDK_FOLDERS = (
    "/usr/lib/google-cloud-sdk",
    "/usr/share/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "~/google-cloud-sdk",
)
HOW_TO_GET_IT = (
    "install Java 21 and `gcloud components install cloud-firestore-emulator` "
    "(Debian: google-cloud-cli-firestore-emulator), or set FIRESTORE_EMULATOR_HOST"
)
START_SECONDS = 120.0


class NotFound(Exception):
    """There is no emulator to start; the message says what is missing."""


def find(environment: Mapping[str, str]) -> Path:
    """The emulator's jar in the Google Cloud SDK. Raises NotFound, also where Java is missing."""
    if shutil.which("java", path=environment.get("PATH")) is None:
        raise NotFound("Java is missing")
    folders = [Path(folder).expanduser() for folder in SDK_FOLDERS]
    gcloud = shutil.which("gcloud", path=environment.get("PATH"))
    if gcloud is not None:
        folders.insert(0, Path(gcloud).resolve().parent.parent)
    for folder in folders:
        if (folder / JAR).is_file():
            return folder / JAR
    raise NotFound("the emulator is not installed")


def command(jar: Path, port: int, seed: Path | None = None) -> list[str]:
    """How to start it; ``seed`` is the metadata file of an earlier export.

    With our rules, so that a page is held to them here as it is deployed. Server clients are not.
    """
    started = ["java", "-cp", str(jar), MAIN_CLASS, "--host", "127.0.0.1", "--port", str(port), "--rules", str(RULES)]
    return started + (["--seed_from_export", str(seed)] if seed is not None else [])


def why_it_failed(jar: Path, log: Path) -> str:
    """One line for a person, from what the emulator printed before it ended."""
    text = log.read_text(errors="replace") if log.exists() else ""
    if "UnsupportedClassVersionError" in text:
        found = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
        version = re.search(r'"([^"]+)"', found)
        return f"Java {version[1] if version else ''} is too old for {jar.name}"
    return f"it was not up within {START_SECONDS:.0f} s (see {log})"


def warm_up(address: str) -> None:
    """Write once: the first write loads half of Java, which on a busy machine takes longer than a call of ours may."""
    clients.firestore_client(address, "first").document("first/write").set({}, timeout=60)


def clear(address: str, project: str) -> None:
    """Remove every document of ``project``."""
    url = f"http://{address}/emulator/v1/projects/{project}/databases/(default)/documents"
    requests.delete(url, timeout=30).raise_for_status()


def export(address: str, project: str, folder: Path) -> Path:
    """Write all documents into ``folder``; the metadata file to start from again."""
    folder.mkdir(parents=True)
    url = f"http://{address}/emulator/v1/projects/{project}:export"
    body = {
        "database": f"projects/{project}/databases/(default)",
        "export_directory": str(folder),
        "export_name": "all",
    }
    requests.post(url, json=body, timeout=60).raise_for_status()
    [metadata] = folder.glob("**/*.overall_export_metadata")
    return metadata


def environment_without_cloud(environment: Mapping[str, str]) -> dict[str, str]:
    """A copy without credentials and projects of Google Cloud that happen to be in the shell."""
    dropped = (
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
        "GCLOUD_PROJECT",
        "GCP_PROJECT",
        "CLOUDSDK_CONFIG",
    )
    return {name: value for name, value in environment.items() if name not in dropped}
