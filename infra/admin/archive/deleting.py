"""Deleting an exam, with its archive at hand: nothing goes that the archive does not hold just as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from functions import records
from functions.outputs import OUTPUTS, all_of, objects_of
from functions.ports import Condition, Conflict, Delete, Document, Query, Update
from functions.service import Service
from infra.admin.archive import forms, reading, verifying
from infra.admin.archive.forms import Manifest
from infra.admin.archive.places import Place, patient
from infra.admin.operations import OperationError

AT_ONCE = 100
"""Firestore takes 500 writes in a batch, and counts what they take out of indexes too, and bounds that."""
TRIES = 10


@dataclass(frozen=True)
class Held:
    """What is in the store of one attempt, all of it as the archive has it."""

    attempt: Document | None
    submissions: Sequence[tuple[str, object, Sequence[str]]]
    """Path, version, and keys of the objects that it refers to."""


@dataclass
class Deletion:
    """``place`` has the archive; ``check`` comes first. Interrupted, both said again go on with it."""

    service: Service
    exam_id: str
    place: Place
    manifest: Manifest
    attempts: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.attempts = forms.attempts_of(self.manifest)

    def check(self, tell: Callable[[int, int], None] = lambda _done, _all: None) -> Mapping[str, int]:
        """How many documents there are to be deleted.

        Raises OperationError where something is not in the archive as it is now, or is not at rest.
        """
        store, exam = self.service.store, reading.require_exam(self.service, self.exam_id)
        waiting = reading.unjudged(store, self.exam_id)
        if waiting:
            raise OperationError(f"{waiting} submissions of {self.exam_id} are not judged yet")
        if reading.is_being_rejudged(store, self.exam_id):
            raise OperationError(f"submissions of {self.exam_id} are being rejudged: wait, or cancel that")
        closes_at = exam.fields["closes_at"]
        if closes_at is not None and closes_at > self.service.clock.now():
            raise OperationError(f"{self.exam_id} is open until {closes_at.isoformat()}")
        text = self.place.get(forms.EXAM) or b"{}"
        if forms.text_of(forms.value_of(text).get("exam")) != forms.text_of(exam.fields):
            raise self._newer("the exam itself")
        self._require_outputs()
        counts = {"attempts": 0, "submissions": 0}
        for number, paths in enumerate(self.attempts.values(), 1):
            held = self._held(paths)
            counts["attempts"] += held.attempt is not None
            counts["submissions"] += len(held.submissions)
            tell(number, len(self.attempts))
        for name, collection in (("attempts", records.ATTEMPTS), ("submissions", records.SUBMISSIONS)):
            more = store.count(Query(collection, reading.of_exam(self.exam_id))) - counts[name]
            if more:
                raise self._newer(f"{more} {name}")
        rejudged = store.count(Query(records.REJUDGED, reading.of_exam(self.exam_id)))
        return {**counts, "rejudged": rejudged}

    def _require_outputs(self) -> None:
        """What could not be had when the archive was made may be there again."""
        objects = self.service.objects
        if objects is None:
            if any(each.path.startswith(f"{forms.OBJECTS}{OUTPUTS}") for each in self.manifest.files):
                raise OperationError("the exam has outputs in an object store, and none is set")
            return
        for key in self.manifest.missing:
            if key.startswith(OUTPUTS) and patient(partial(objects.get, key)) is not None:
                raise self._newer(f"object {key}")

    def run(self, tell: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        """Delete all of it, the exam itself last. Raises OperationError, also where something came after ``check``."""
        for number, paths in enumerate(self.attempts.values(), 1):
            self._until_kept(paths, partial(self._delete, self._archived(paths)[0]))
            tell(number, len(self.attempts))
        self._delete_copies(reading.of_exam(self.exam_id))
        store = self.service.store
        if any(
            store.count(Query(name, reading.of_exam(self.exam_id))) for name in (records.ATTEMPTS, records.SUBMISSIONS)
        ):
            raise self._newer("something")
        exam = store.get(f"{records.EXAMS}/{self.exam_id}")[0]
        if exam is not None:
            store.commit(Delete(exam.path))

    def expire(self, delete_at: datetime, tell: Callable[[int, int], None] = lambda _done, _all: None) -> None:
        """Have Firestore delete the submissions by itself after that moment; said again, the new moment counts.

        Raises OperationError where something came after ``check``.
        """
        for number, paths in enumerate(self.attempts.values(), 1):
            self._until_kept(paths, lambda held: self._expire(held, delete_at))
            tell(number, len(self.attempts))

    def _expire(self, held: Held, delete_at: datetime) -> None:
        for start in range(0, len(held.submissions), AT_ONCE):
            some = held.submissions[start : start + AT_ONCE]
            self.service.store.commit(*(Update(path, {records.DELETE_AT: delete_at}, at) for path, at, _ in some))

    def _newer(self, what: str) -> OperationError:
        return OperationError(f"{what} of {self.exam_id} is not in the archive as it is now: export it anew, elsewhere")

    def _held(self, paths: Sequence[str]) -> Held:
        """Raises OperationError where anything is not as in the archive."""
        attempt_id, archived = self._archived(paths)
        attempt = self.service.store.get(f"{records.ATTEMPTS}/{attempt_id}")[0]
        if attempt is not None:
            content = forms.attempt_content(attempt_id, attempt.fields)
            if archived.get("") != _hash(forms.text_of(content)):
                raise self._newer(f"attempt {attempt_id}")
        submissions = []
        for each in reading.each(self.service.store, reading.submissions_of(attempt_id), reading.WHOLE_AT_ONCE):
            if archived.get(each.document_id) != _hash(forms.submission_line(each.document_id, each.fields)):
                raise self._newer(f"submission {each.document_id}")
            submissions.append((each.path, each.version, objects_of(each.fields)))
        return Held(attempt, submissions)

    def _archived(self, paths: Sequence[str]) -> tuple[str, dict[str, bytes]]:
        """The attempt's id, and a hash of each line by the submission's id; of the attempt itself by "" ."""
        attempt_id, archived = "", {}
        for path in paths:
            for line in forms.lines_of(self.place.get(path) or b""):
                record = forms.value_of(line)
                if "submission_id" in record:
                    archived[record["submission_id"]] = _hash(line)
                else:
                    attempt_id = record["attempt_id"]
                    archived[""] = _hash(forms.text_of(record["attempt"]))
        if not attempt_id:
            raise OperationError(f"{paths[0]} has just gone from the archive")
        return attempt_id, archived

    def _until_kept(self, paths: Sequence[str], act: Callable[[Held], None]) -> None:
        """``act`` on what is just as the archive has it, anew where that changed in between."""
        for _ in range(TRIES):
            held = self._held(paths)
            try:
                act(held)
            except Conflict:
                continue  # something has changed since it was compared, or our own commit's answer was lost
            return
        raise OperationError(f"attempt {self._archived(paths)[0]} keeps changing")

    def _delete(self, attempt_id: str, held: Held) -> None:
        """The attempt first: without it nothing more can be sent."""
        if held.attempt is not None:
            self.service.store.commit(Delete(held.attempt.path, held.attempt.version))
        for start in range(0, len(held.submissions), AT_ONCE):
            some = held.submissions[start : start + AT_ONCE]
            for path, _, keys in some:
                self._delete_outputs(path, keys)
            self.service.store.commit(*(Delete(path, version) for path, version, _ in some))
        self._delete_copies((("attempt_id", "==", attempt_id),))

    def _delete_copies(self, where: tuple[Condition, ...]) -> None:
        query = Query(records.REJUDGED, where, select=("status",), limit=AT_ONCE)
        while found := self.service.store.find(query):
            for each in found:
                self._delete_outputs(each.path, ())
            self.service.store.commit(*(Delete(each.path) for each in found))

    def _delete_outputs(self, path: str, keys: Iterable[str]) -> None:
        """Before the document goes, by which alone they are found; those of judgings that were abandoned too."""
        objects = self.service.objects
        if objects is None:
            return
        folder = all_of(path.rpartition("/")[2])
        for key in {*keys, *patient(lambda: list(objects.keys(folder)))}:
            patient(partial(objects.delete, key))


def deletion(
    service: Service, exam_id: str, place: Place, tell: Callable[[int, int], None] = lambda _done, _all: None
) -> Deletion:
    """Of the exam by this archive. Raises OperationError where that is not whole, or another exam's."""
    reading.require_exam(service, exam_id)
    manifest = verifying.require_whole(place, tell)
    if manifest.exam_id != exam_id:
        raise OperationError(f"the archive is of exam {manifest.exam_id}")
    return Deletion(service, exam_id, place, manifest)


def _hash(line: bytes) -> bytes:
    return hashlib.sha256(line).digest()
