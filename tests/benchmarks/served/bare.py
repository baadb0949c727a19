"""A function that imports what such a service cannot be without, and does nothing."""

from __future__ import annotations

import flask
import requests
from google.cloud import firestore, tasks_v2

USED = (requests.Session, firestore.Client, tasks_v2.CloudTasksClient)


def bare(_request: flask.Request) -> str:
    return ""
