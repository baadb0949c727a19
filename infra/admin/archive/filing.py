"""The files of an archive that is being written; those of an interrupted run may lie there already."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial

from functions.ports import ObjectStore, Unavailable
from functions.stored_data import key_of
from infra.admin.archive import forms
from infra.admin.archive.forms import Entry
from infra.admin.archive.places import Place, patient
from infra.admin.operations import OperationError


@dataclass
class Files:
    """``goes_on``: files may be there already; those that are as they should be are not written again.

    ``anyway``: without what is missing. ``entries``: what the archive consists of, by path.
    """

    place: Place
    objects: ObjectStore | None
    goes_on: bool
    anyway: bool
    entries: dict[str, Entry] = field(default_factory=dict)

    def found(self, path: str) -> Entry | None:
        content = self.place.get(path)
        return None if content is None else forms.entry_of(path, content)

    def write(self, path: str, content: bytes) -> Entry:
        entry = forms.entry_of(path, content)
        if not self.goes_on or self.found(path) != entry:
            self.place.put(path, content)
        return entry

    def put(self, path: str, content: bytes) -> None:
        self.entries[path] = self.write(path, content)

    def write_object(self, key: str, of: str) -> Entry | None:
        """None where it is not to be had: that is told as missing, or ends it all."""
        path = f"{forms.OBJECTS}{key}"
        if path in self.entries:
            return self.entries[path]
        if self.goes_on and key.startswith("tests/"):
            found = self.found(path)  # its name says what it must be, so that it need not be fetched again
            if found is not None and key == key_of(found.sha256):
                return found
        content, why = self._object(key)
        if content is None:
            self.lacks(f"object {key} of {of} {why}")
            return None
        return self.write(path, content)

    def _object(self, key: str) -> tuple[bytes | None, str]:
        """The object, or why there is none."""
        objects = self.objects
        if objects is None:
            return None, "cannot be had: no object store is set"
        try:
            content = objects.get(key) if self.anyway else patient(partial(objects.get, key))
        except Unavailable as error:
            return None, f"cannot be had: {error}"
        if content is None or not forms.is_safe(key):
            return None, "is missing"
        if key.startswith("tests/") and key != key_of(hashlib.sha256(content).hexdigest()):
            return None, "is damaged"
        return content, ""

    def lacks(self, what: str) -> None:
        if not self.anyway:
            raise OperationError(f"{what}; --anyway leaves it out")
