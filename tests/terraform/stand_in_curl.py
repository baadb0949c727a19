"""A `curl` for judge0-member.sh: the metadata server, Cloud DNS and the other machines, by files beside it.

``zone`` holds the addresses of the name, ``answering`` those that answer. What is in ``meanwhile`` gets into the
zone just after it was read; where ``away`` is, Cloud DNS is away. ``calls`` and ``refused`` remember.
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
NAME = {"name": "judges.", "type": "A", "ttl": 5}


def option(name: str) -> str:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else ""


def refuse(status: int) -> None:
    with (FOLDER / "refused").open("a") as file:
        file.write(f"{status}\n")
    sys.exit(22)


def dns(path: str) -> None:
    zone = FOLDER / "zone"
    addresses = zone.read_text().split()
    now = [{**NAME, "rrdatas": addresses}] if addresses else []
    if path == "rrsets?name=judges.&type=A":
        print(json.dumps({"rrsets": now, "kind": "dns#resourceRecordSetsListResponse"}, indent=2))
        if (FOLDER / "meanwhile").exists():
            (FOLDER / "meanwhile").rename(zone)
    elif path == "changes":
        change = json.loads(option("--data"))
        if change.get("deletions", []) != now:
            refuse(412 if "deletions" in change else 409)
        [added] = change["additions"]
        assert added == {**NAME, "rrdatas": added["rrdatas"]}
        zone.write_text("".join(f"{each}\n" for each in added["rrdatas"]))
    else:
        refuse(404)


def main() -> None:
    with (FOLDER / "calls").open("a") as file:
        file.write(" ".join(sys.argv[1:]) + "\n")
    url = sys.argv[-1]
    header = option("--header")
    if header.startswith("@"):
        header = Path(header[1:]).read_text().strip()
    if url.startswith("http://metadata.google.internal/"):
        if header != "Metadata-Flavor: Google":
            refuse(403)
        print('{"access_token":"t0ken","expires_in":3599}' if url.endswith("/token") else "10.0.0.1")
    elif url.startswith("https://dns.googleapis.com/"):
        if header != "Authorization: Bearer t0ken" or (FOLDER / "away").exists():
            refuse(503)
        dns(url.removeprefix("https://dns.googleapis.com/dns/v1/projects/p/managedZones/z/"))
    elif url.removeprefix("http://").partition(":")[0] not in (FOLDER / "answering").read_text().split():
        sys.exit(7)


if __name__ == "__main__":
    main()
