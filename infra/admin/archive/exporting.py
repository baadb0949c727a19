"""An exam into an archive: an attempt at a time, so that memory stays flat, and so that it can go on where it ended.

Whatever a run leaves is either whole or not there; the manifest comes last. Beside each attempt's files it notes, under
`.unfinished/`, of what they were made: going on, an attempt is written again only where it, or a file of it, changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from functions import records
from functions.domain.question import Stored
from functions.ports import Document, Query
from functions.service import Service
from functions.stored_data import key_of
from infra.admin import scores
from infra.admin.archive import forms, reading, verifying
from infra.admin.archive.attempts import AttemptWriter, Written
from infra.admin.archive.filing import Files
from infra.admin.archive.forms import Entry, Manifest
from infra.admin.archive.places import UNFINISHED, Nowhere, Place
from infra.admin.operations import OperationError

Tell = Callable[[int, int], None]
"""Called with how many are done, and of how many."""

BEGUN = f"{UNFINISHED}export.json"
SEEN = (
    "attempt_id",
    "changed_at",
    "created_at",
    "points",
    "question_id",
    "question_version",
    "run_type",
    "score",
    "status",
)
TRIES = 10
COUNTED = (forms.QUESTIONS, forms.OBJECTS, forms.SOURCES, forms.EARLIER)


@dataclass(frozen=True)
class Exported:
    manifest: Manifest
    again: bool = False
    """The very same lay there already, whole."""


def export(
    service: Service, exam_id: str, place: Place, *, anyway: bool = False, tell: Tell = lambda _done, _all: None
) -> Exported:
    """Write the exam's archive, or go on with one that was interrupted.

    ``anyway``: also while something is not judged, and without what is missing. Raises OperationError; over a complete
    archive always, unless it is whole and holds the very same. Each attempt is as of one moment, but no two are as of
    the same: deleting the exam compares everything once more.
    """
    exam = reading.require_exam(service, exam_id)
    waiting = reading.unjudged(service.store, exam_id)
    if waiting and not anyway:
        raise OperationError(f"{waiting} submissions of {exam_id} are not judged yet: wait, or say --anyway")
    complete = place.get(forms.MANIFEST)
    if complete is not None:
        manifest = _Export(service, exam, Files(Nowhere(), service.objects, False, anyway), tell).run()
        if forms.manifest_text(manifest) != complete:
            raise OperationError(f"an archive is there, and not of {exam_id} as it is now: choose another place")
        verifying.require_whole(place)
        _forget(place)
        return Exported(manifest, again=True)
    files = Files(place, service.objects, _begin(exam_id, place), anyway)
    return Exported(_Export(service, exam, files, tell).run())


def _begin(exam_id: str, place: Place) -> bool:
    """Whether an export of this exam began here before. Raises OperationError where something else is."""
    begun = place.get(BEGUN)
    if begun is None:
        if any(not path.startswith(UNFINISHED) for path in place.paths()):
            raise OperationError("the place is not empty, and what is there is no archive: choose another")
        place.put(BEGUN, forms.text_of({"exam_id": exam_id}))
        return False
    if forms.value_of(begun) != {"exam_id": exam_id}:
        raise OperationError("an export of another exam began there: choose another place")
    return True


def _forget(place: Place) -> None:
    for path in [each for each in place.paths() if each.startswith(UNFINISHED)]:
        place.delete(path)


@dataclass
class _Export:
    """One run."""

    service: Service
    exam: Document
    files: Files
    tell: Tell
    missing: set[str] = field(default_factory=set)
    versions: set[tuple[str, str]] = field(default_factory=set)
    rows: list[scores.Row] = field(default_factory=list)
    attempts: set[str] = field(default_factory=set)
    submissions: int = 0
    unjudged: int = 0
    total: int = 0

    def run(self) -> Manifest:
        self.total = self._count()
        self.tell(0, self.total)
        query = Query(records.ATTEMPTS, reading.of_exam(self.exam.document_id))
        for attempt in reading.each(self.service.store, query, reading.SMALL_AT_ONCE):
            self._add(attempt.document_id, attempt)
        if self._count() != self.submissions:
            for attempt_id in self._of_no_attempt():
                self._add(attempt_id, None)
        if self._count() != self.submissions and not self.files.anyway:
            raise OperationError("something was sent while it was exported: say it again")
        self._add_questions()
        self._add_scores()
        self.files.put(forms.ABOUT, forms.ABOUT_TEXT.encode())
        return self._finish()

    def _count(self) -> int:
        return self.service.store.count(Query(records.SUBMISSIONS, reading.of_exam(self.exam.document_id)))

    def _of_no_attempt(self) -> list[str]:
        """Attempts that are gone, or that came just now, and have submissions."""
        query = Query(records.SUBMISSIONS, reading.of_exam(self.exam.document_id), select=("attempt_id",))
        found = {each.fields["attempt_id"] for each in reading.each(self.service.store, query, reading.SMALL_AT_ONCE)}
        return sorted(found - self.attempts)

    def _add(self, attempt_id: str, attempt: Document | None) -> None:
        written = self._attempt(attempt_id, attempt)
        self.files.entries |= {each.path: each for each in written.files}
        self.missing.update(written.missing)
        self.versions.update(written.versions)
        self.attempts.add(attempt_id)
        self.submissions += written.submissions
        self.unjudged += written.unjudged
        if attempt is not None:
            self.rows.append(scores.Row(attempt_id, attempt.fields["student"], written.scores))
        self.tell(self.submissions, max(self.submissions, self.total))

    def _attempt(self, attempt_id: str, attempt: Document | None) -> Written:
        """Read and written again where it changed meanwhile."""
        note = f"{UNFINISHED}{forms.attempt_path(attempt_id, 1)}"
        for _ in range(TRIES):
            query = reading.submissions_of(attempt_id, SEEN)
            seen = sorted(
                reading.each(self.service.store, query, reading.SMALL_AT_ONCE),
                key=lambda each: (each.fields["created_at"], each.document_id),
            )
            made_of = self._made_of(attempt, seen)
            written = self._known(note, made_of)
            if written is None:
                counts = self.exam.fields["counts"]
                writer = AttemptWriter(self.service.store, self.files, counts, attempt_id, attempt, seen, made_of)
                written = writer.write()
            path = f"{records.ATTEMPTS}/{attempt_id}"
            now = self.service.store.get(path)[0] if written is not None else None
            if written is not None and (now and now.version) == (attempt and attempt.version):
                self.files.place.put(note, forms.text_of(asdict(written)))
                return written
            self.files.goes_on = True  # what that try wrote lies there
            attempt = self.service.store.get(path)[0]
        raise OperationError(f"attempt {attempt_id} keeps changing: close the exam first")

    def _made_of(self, attempt: Document | None, seen: Iterable[Document]) -> str:
        """A hash over what tells whether anything of it changed."""
        versions = [[each.document_id, repr(each.version), each.fields["changed_at"]] for each in seen]
        content = [self.exam.fields["counts"], attempt and attempt.fields, versions]
        return hashlib.sha256(forms.text_of(content)).hexdigest()

    def _known(self, note: str, made_of: str) -> Written | None:
        """What an earlier run wrote of just that, if all of it still lies there."""
        text = self.files.place.get(note) if self.files.goes_on else None
        if text is None:
            return None
        record: dict[str, Any] = forms.value_of(text)
        if record["made_of"] != made_of or record["missing"]:
            return None
        files = [Entry(**each) for each in record["files"]]
        if any(self.files.found(each.path) != each for each in files):
            return None
        return Written(
            made_of,
            record["submissions"],
            record["unjudged"],
            {question_id: (score, points) for question_id, (score, points) in record["scores"].items()},
            [(question_id, version) for question_id, version in record["versions"]],
            files,
        )

    def _add_questions(self) -> None:
        """Every version that something was judged by, and the present one of each question."""
        named = {question_id for question_id, _ in self.versions} | set(self.exam.fields["question_ids"] or ())
        present: dict[str, str] = {}
        for question_id in sorted(named):
            head = self.service.store.get(f"{records.QUESTIONS}/{question_id}")[0]
            if head is not None:
                present[question_id] = head.fields["version"]
        for question_id in sorted(named - set(present)):
            self._miss(f"question {question_id}", "is not there")
        for question_id, version in sorted(self.versions | set(present.items())):
            question = reading.read_version(self.service.store, question_id, version)
            if question is None:
                self._miss(f"question {question_id}, version {version},", "is missing or damaged")
                continue
            self.files.put(forms.question_path(question_id, version), forms.question_text(question))
            for data in (data for test in question.tests for data in (test.stdin, test.expected)):
                if isinstance(data, Stored):
                    self._add_object(key_of(data.sha256), f"question {question_id}")
        content = {"exam_id": self.exam.document_id, "exam": self.exam.fields, "questions": present}
        self.files.put(forms.EXAM, forms.text_of(content, indent=1))

    def _add_object(self, key: str, of: str) -> None:
        entry = self.files.write_object(key, of)
        if entry is None:
            self.missing.add(key)
        else:
            self.files.entries[entry.path] = entry

    def _miss(self, what: str, why: str) -> None:
        self.files.lacks(f"{what} {why}")
        self.missing.add(what.rstrip(","))

    def _add_scores(self) -> None:
        asked = self.exam.fields["question_ids"]
        if asked is None:
            asked = sorted({question_id for row in self.rows for question_id in row.scores})
        points = scores.points_of(self.service, asked)
        self.files.put(forms.SCORES, scores.csv_bytes(scores.table(points, self.rows)))

    def _finish(self) -> Manifest:
        if self.files.goes_on:
            ours = (forms.ATTEMPTS, forms.QUESTIONS, forms.OBJECTS, forms.SOURCES, forms.EARLIER)
            there = [path for path in self.files.place.paths() if path.startswith(ours)]
            for path in there:
                if path not in self.files.entries:
                    self.files.place.delete(path)  # of what has changed since, or is gone
        counts = {
            "attempts": len(self.rows),
            "submissions": self.submissions,
            "unjudged": self.unjudged,
            **{kind.rstrip("/"): sum(path.startswith(kind) for path in self.files.entries) for kind in COUNTED},
        }
        files = tuple(sorted(self.files.entries.values(), key=lambda each: each.path))
        manifest = Manifest(self.exam.document_id, counts, tuple(sorted(self.missing)), files)
        text = forms.manifest_text(manifest)
        self.files.place.settle()
        self.files.place.put(forms.MANIFEST_HASH, forms.manifest_hash_text(text))
        self.files.place.put(forms.MANIFEST, text)
        self.files.place.settle()
        _forget(self.files.place)
        return manifest
