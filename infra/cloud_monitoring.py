"""CloudMonitoringAutoscaler: how many judges are wanted, as a metric by which Compute Engine's autoscaler goes."""

from __future__ import annotations

from collections.abc import Callable

from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from requests import RequestException

from functions.ports import Clock, Unavailable

METRIC = "custom.googleapis.com/run_code/judges_wanted"
MONITORING_URL = "https://monitoring.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/monitoring.write"
CALL_SECONDS = 5.0


def deployed_session() -> AuthorizedSession:
    """As this function's service account. Raises GoogleAuthError where there is none."""
    import google.auth

    credentials, _ = google.auth.default(scopes=[SCOPE])
    return AuthorizedSession(credentials)  # type: ignore[no-untyped-call]


class CloudMonitoringAutoscaler:
    """Writes one point of METRIC, of the project as a whole. ``session`` is asked for at each."""

    def __init__(
        self, session: Callable[[], AuthorizedSession], project: str, clock: Clock, url: str = MONITORING_URL
    ) -> None:
        self._session, self._project, self._clock = session, project, clock
        self._url = f"{url}/v3/projects/{project}/timeSeries"

    def want(self, judges: int) -> None:
        series = {
            "metric": {"type": METRIC},
            "resource": {"type": "global", "labels": {"project_id": self._project}},
            "metricKind": "GAUGE",
            "valueType": "INT64",
            "points": [{"interval": {"endTime": self._clock.now().isoformat()}, "value": {"int64Value": str(judges)}}],
        }
        try:
            answer = self._session().request(  # type: ignore[no-untyped-call]
                "POST", self._url, json={"timeSeries": [series]}, timeout=CALL_SECONDS, max_allowed_time=CALL_SECONDS
            )
        except (RequestException, GoogleAuthError) as error:
            raise Unavailable(f"Cloud Monitoring: {type(error).__name__}") from error
        if answer.status_code != 200:
            raise Unavailable(f"Cloud Monitoring answered {answer.status_code}")
