"""Whether an archive is what its manifest says: every file hashed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from infra.admin.archive import forms
from infra.admin.archive.forms import Manifest
from infra.admin.archive.places import UNFINISHED, Place
from infra.admin.operations import OperationError


def findings(place: Place, tell: Callable[[int, int], None] = lambda _done, _all: None) -> Iterator[str]:
    """What is wrong, a line each: damaged, missing and surplus files. None: it is whole."""
    text = place.get(forms.MANIFEST)
    if text is None:
        begun = any(path.startswith(UNFINISHED) for path in place.paths())
        yield f"missing  {forms.MANIFEST}: {'the export did not come to its end' if begun else 'no archive is here'}"
        return
    given = place.get(forms.MANIFEST_HASH)
    if given is None:
        yield f"missing  {forms.MANIFEST_HASH}"
    elif given != forms.manifest_hash_text(text):
        yield f"damaged  {forms.MANIFEST}, or {forms.MANIFEST_HASH}: they do not fit"
    try:
        manifest = forms.manifest_of(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        yield f"damaged  {forms.MANIFEST}: {error}"
        return
    for number, entry in enumerate(manifest.files, 1):
        content = place.get(entry.path)
        if content is None:
            yield f"missing  {_shown(entry.path)}"
        elif forms.entry_of(entry.path, content) != entry:
            yield f"damaged  {_shown(entry.path)}"
        tell(number, len(manifest.files))
    known = {entry.path for entry in manifest.files} | {forms.MANIFEST, forms.MANIFEST_HASH}
    for path in place.paths():
        if path not in known and not path.startswith(UNFINISHED):
            yield f"surplus  {_shown(path)}"


def require_whole(place: Place, tell: Callable[[int, int], None] = lambda _done, _all: None) -> Manifest:
    """The manifest of an archive that has nothing wrong. Raises OperationError."""
    found = list(findings(place, tell))
    if found:
        more = f", and {len(found) - 1} more" if found[1:] else ""
        raise OperationError(f"the archive is not whole: {found[0]}{more} (export --verify says all)")
    text = place.get(forms.MANIFEST)
    if text is None:
        raise OperationError("the archive has just gone")
    return forms.manifest_of(text)


def _shown(path: str) -> str:
    """A file's name need not be UTF-8, nor one line."""
    return path.encode(errors="backslashreplace").decode() if path.isprintable() else ascii(path)
