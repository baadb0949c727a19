"""A name server for one name, in every Python that has this folder in PYTHONPATH: JUDGES_FILE holds its addresses."""

import os
import socket
from pathlib import Path
from typing import Any

NAME = "judges.test"
as_ever = socket.getaddrinfo


def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
    if host != NAME:
        return as_ever(host, *rest, **more)
    found = Path(os.environ["JUDGES_FILE"]).read_text().split()
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")
    return [answer for address in found for answer in as_ever(address, *rest, **more)]


socket.getaddrinfo = getaddrinfo
