"""An archive back into a store: what is there and alike is left, what differs replaced only where one says so."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from functions import records
from functions.outputs import OUTPUTS
from functions.ports import Conflict, Create, Fields, Put, Write
from functions.service import Service
from functions.stored_data import key_of
from infra.admin.archive import forms, reading, verifying
from infra.admin.archive.forms import Manifest
from infra.admin.archive.places import Place, patient
from infra.admin.operations import OperationError, require_identifier

GROUP_BYTES = 4 * 1024 * 1024
"""A batch may have 10 MiB in Firestore; a document's JSON is about as large as the document."""
GROUP_DOCUMENTS = 100
TRIES = 10


@dataclass(frozen=True)
class Wanted:
    """A document as the archive has it; ``size`` of its JSON in bytes."""

    path: str
    fields: Fields
    size: int


@dataclass
class Tally:
    """How many documents, versions of questions and objects were not there, alike, or different."""

    counts: Counter[str] = field(default_factory=Counter)

    @property
    def written(self) -> int:
        return self.counts["missing"] + self.counts["different"]

    @property
    def alike(self) -> int:
        return self.counts["alike"]

    @property
    def different(self) -> int:
        return self.counts["different"]


def import_archive(
    service: Service,
    place: Place,
    *,
    overwrite: bool = False,
    tell: Callable[[int, int], None] = lambda _done, _all: None,
) -> tuple[Manifest, Tally]:
    """Write back the exam, its attempts and submissions, their questions' versions, and the objects.

    Interrupted, the same call goes on with it. The exam comes last, so that nobody sits half of one. A question that is
    there keeps its present version. Raises OperationError where the archive is not whole, and, without ``overwrite``,
    where something is there that differs: then nothing was written.
    """
    manifest = verifying.require_whole(place)
    looked, done = (_Import(service, place, manifest, overwrite, writes, tell) for writes in (False, True))
    looked.run()
    if looked.tally.different and not overwrite:
        all_of_them = sum(looked.tally.counts.values())
        raise OperationError(
            f"{looked.tally.different} of {all_of_them} are there and differ from the archive's;"
            " nothing was written (--overwrite replaces them)"
        )
    done.run()
    return manifest, done.tally


@dataclass
class _Import:
    """One pass over the archive: ``writes`` or only looks."""

    service: Service
    place: Place
    manifest: Manifest
    overwrite: bool
    writes: bool
    tell: Callable[[int, int], None]
    tally: Tally = field(default_factory=Tally)
    submissions: int = 0

    def run(self) -> None:
        self._objects()
        for entry in self.manifest.files:
            if entry.path.startswith(forms.QUESTIONS):
                self._version(self._content(entry.path))
        exam = forms.value_of(self._content(forms.EXAM))
        if exam["exam_id"] != self.manifest.exam_id:
            raise OperationError("the archive's manifest is another exam's")
        require_identifier("exam", exam["exam_id"])
        self._heads(exam["questions"])
        for paths in forms.attempts_of(self.manifest).values():
            for group in _groups(self._attempt(paths)):
                self._documents(group)
        self._documents([Wanted(f"{records.EXAMS}/{exam['exam_id']}", exam["exam"], 0)])

    def _content(self, path: str) -> bytes:
        content = self.place.get(path)
        if content is None:
            raise OperationError(f"{path} has just gone")
        return content

    def _objects(self) -> None:
        keys = [
            each.path.removeprefix(forms.OBJECTS) for each in self.manifest.files if each.path.startswith(forms.OBJECTS)
        ]
        objects = self.service.objects
        if objects is None:
            if keys:
                raise OperationError(f"the archive has {len(keys)} objects, and no object store is set")
            return
        for key in keys:
            content = self._content(f"{forms.OBJECTS}{key}")
            if not key.startswith(OUTPUTS) and key != key_of(hashlib.sha256(content).hexdigest()):
                raise OperationError(f"object {key} is not what its name says")
            there = patient(partial(objects.get, key))
            how = self._found(None if there is None else there == content)
            if self.writes and how != "alike":
                patient(partial(objects.put, key, content))

    def _found(self, alike: bool | None) -> str:
        """Counted, and what it is. Raises OperationError where it must not be written over."""
        how = "missing" if alike is None else "alike" if alike else "different"
        if how == "different" and self.writes and not self.overwrite:
            raise OperationError("something has changed while it was imported: say it again")
        self.tally.counts[how] += 1
        return how

    def _version(self, text: bytes) -> None:
        """Tests first compared whole: the same can be packed in more than one way."""
        question, store = forms.question_of(text), self.service.store
        require_identifier("question", question.question_id)
        there = reading.read_version(store, question.question_id, question.version)
        how = self._found(None if there is None else forms.question_text(there) == text)
        if self.writes and how != "alike":
            for number, chunk in enumerate(records.version_chunks(question)):
                store.commit(Put(records.tests_path(question.question_id, question.version, number), chunk))

    def _heads(self, present: dict[str, str]) -> None:
        """A question that is there may have gone on, for other exams: it is left."""
        paths = {question_id: f"{records.QUESTIONS}/{question_id}" for question_id in sorted(present)}
        for question_id, path in paths.items() if self.writes else ():
            if self.service.store.get(path)[0] is None:
                version = reading.read_version(self.service.store, question_id, present[question_id])
                if version is not None:
                    self.service.store.commit(Put(path, records.question_fields(version)))

    def _attempt(self, paths: Sequence[str]) -> Iterator[Wanted]:
        """Its submissions, then the attempt itself: where it is, all of it is."""
        attempt = None
        for path in paths:
            for line in forms.lines_of(self._content(path)):
                record = forms.value_of(line)
                if "submission_id" in record:
                    submission_id = record.pop("submission_id")
                    require_identifier("submission", submission_id)
                    yield Wanted(f"{records.SUBMISSIONS}/{submission_id}", record, len(line))
                    self._told()
                elif record["attempt"] is not None:
                    attempt = record["attempt"]
        if attempt is not None:
            attempt_id = attempt.pop("attempt_id")
            require_identifier("attempt", attempt_id)
            yield Wanted(f"{records.ATTEMPTS}/{attempt_id}", attempt, 0)

    def _told(self) -> None:
        self.submissions += 1
        if self.writes:
            self.tell(self.submissions, self.manifest.counts["submissions"])

    def _documents(self, group: Sequence[Wanted]) -> None:
        for _ in range(TRIES):
            tally = Counter(self.tally.counts)
            writes: list[Write] = []
            for wanted, document in zip(group, self.service.store.get(*(each.path for each in group)), strict=True):
                alike = None if document is None else forms.text_of(document.fields) == forms.text_of(wanted.fields)
                how = self._found(alike)
                if how != "alike":
                    writes.append((Create if how == "missing" else Put)(wanted.path, wanted.fields))
            if not writes or not self.writes:
                return
            try:
                self.service.store.commit(*writes)
            except Conflict:  # one has just been made, perhaps by our own commit whose answer was lost
                self.tally.counts = tally
                continue
            return
        raise OperationError("the documents keep changing while they are imported: say it again")


def _groups(wanted: Iterator[Wanted]) -> Iterator[list[Wanted]]:
    """As many as fit one commit."""
    group: list[Wanted] = []
    size = 0
    for each in wanted:
        if group and (size + each.size > GROUP_BYTES or len(group) == GROUP_DOCUMENTS):
            yield group
            group, size = [], 0
        group.append(each)
        size += each.size
    if group:
        yield group
