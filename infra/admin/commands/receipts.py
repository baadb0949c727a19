"""`python -m infra.admin receipt`: is it ours, and is what it names there?"""

from __future__ import annotations

import hashlib

import click

from infra.admin.context import Context, fail


@click.command()
@click.argument("receipt", metavar="STRING")
@click.pass_obj
def receipt(context: Context, receipt: str) -> None:
    """Confirm a student's receipt: that we gave it out, and that the submission which it names is there, unchanged.

    Exit code 1 where this service did not make it; 2 where it did, but the submission is not there any more as it was.
    """
    from functions import receipts, records

    if context.settings.receipt_key is None:
        fail("RECEIPT_KEY is not set: this service gives out no receipts")
    found = receipts.read(receipt, context.settings.receipt_key)
    if found is None:
        fail("not a receipt of this service")
    click.echo(f"genuine: submission {found.submission_id} was recorded at {found.recorded_at.isoformat()}")
    document = context.service.store.get(records.submission_path(found.submission_id))[0]
    if document is None:
        click.echo("it is not stored here any more: look in the exam's archive, or for an erasure", err=True)
        raise click.exceptions.Exit(2)
    submission = records.submission_of(document)
    code = hashlib.sha256(submission.code.encode()).hexdigest()
    if (submission.created_at, code) != (found.recorded_at, found.code_sha256):
        click.echo("what is stored under its id is another submission", err=True)
        raise click.exceptions.Exit(2)
    kind = f"{submission.run_type} of {submission.question_id} in {submission.attempt_id}"
    click.echo(f"stored, with the same code: {kind} by {submission.student}, {submission.status}")
