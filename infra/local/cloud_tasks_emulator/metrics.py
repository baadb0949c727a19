"""What the emulator tells Prometheus of its queues, and of other things by collectors that it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from infra.local.cloud_tasks_emulator.engine import Engine

Exposition = Callable[[], bytes]
"""Writes all metrics as they are now in Prometheus' text format, whose media type is CONTENT_TYPE."""
CONTENT_TYPE = CONTENT_TYPE_LATEST


class QueueMetrics(Collector):
    """As the metrics of the real service: `cloudtasks.googleapis.com/queue/depth` and so on."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def collect(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("cloud_tasks_queue_depth", "Tasks in the queue.", labels=("queue",))
        in_flight = GaugeMetricFamily("cloud_tasks_in_flight", "Deliveries under way.", labels=("queue",))
        attempts = CounterMetricFamily(
            "cloud_tasks_attempts", "Deliveries that came to their end.", labels=("queue", "response_code")
        )
        with self._engine.changed:
            for name, state in sorted(self._engine.queues.items()):
                queue = name.rpartition("/")[2]
                depth.add_metric((queue,), len(state.tasks))
                in_flight.add_metric((queue,), state.in_flight)
                for status, number in sorted(state.attempts.items()):
                    attempts.add_metric((queue, str(status)), number)
        return iter((depth, in_flight, attempts))


def exposition(*collectors: Collector) -> Exposition:
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second number for each
    registry = CollectorRegistry()
    for each in collectors:
        registry.register(each)
    return lambda: generate_latest(registry)
