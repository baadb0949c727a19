"""Known vulnerabilities of what is deployed, by pip-audit; where its database cannot be reached that is said, once."""

from __future__ import annotations

import json
import subprocess
import sys

UNREACHED = ("ConnectionError", "Timeout", "ProxyError", "SSLError", "ServiceError")
command = [sys.executable, "-m", "pip_audit", "-r", "requirements.txt", "--require-hashes", "--disable-pip"]
checked = subprocess.run([*command, "--progress-spinner", "off", "-f", "json"], capture_output=True, text=True)  # noqa: S603
try:
    found = json.loads(checked.stdout)["dependencies"]
except ValueError:
    if not any(error in checked.stderr for error in UNREACHED):
        sys.exit(checked.stderr)
    found = []
skipped = [each for each in found if "skip_reason" in each]
vulnerable = [each for each in found if each.get("vulns")]
for each in vulnerable:
    ids = ", ".join(sorted(vulnerability["id"] for vulnerability in each["vulns"]))
    print(f"{each['name']} {each['version']}: {ids}")
if vulnerable:
    sys.exit(f"pip-audit: {len(vulnerable)} of {len(found)} packages have known vulnerabilities")
if len(skipped) == len(found):
    print("pip-audit: not checked, for its database cannot be reached")
else:
    print(f"pip-audit: no known vulnerability in {len(found) - len(skipped)} packages; {len(skipped)} it does not know")
