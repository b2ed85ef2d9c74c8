"""What Prometheus is told of cameras, storage, alerts: read at each scrape, in a fixed number of queries."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from cameras.models import Alert, Camera, DeviceToken
from storage.errors import StorageAway
from storage.models import Export, Installation, Total
from storage.volume import Volume

CAMERA = ["camera"]
CONTENT_TYPE = CONTENT_TYPE_LATEST
# Of what a camera said last: name of the metric, its help, the key, the factor to the unit of the name.
SAID = (
    ("spool_unshipped_bytes", "Footage on the camera that storage does not have yet", "spool_unshipped_bytes", 1.0),
    ("spool_room_seconds", "How long the camera can record without storage", "spool_holds_s", 1.0),
    ("clock_offset_seconds", "The camera's clock against the server's", "clock_offset_ms", 0.001),
    ("viewers", "Who watches it live", "viewers", 1.0),
)


class Cameras(Collector):
    """One line a camera and metric."""

    def collect(self) -> Iterator[Metric]:
        """Two queries for the rows, one for what is stored."""
        now = timezone.now()
        cameras = list(Camera.objects.select_related("location"))
        enrolled = set(DeviceToken.objects.alive().values_list("camera", flat=True))
        stored = dict(Total.objects.values_list("camera", "bytes"))
        yield _gauge(
            "online", "1 while it is in the room", ((one, one.online) for one in cameras if one.pk in enrolled)
        )
        yield _gauge("recording", "1 while it says that it records", ((one, _records(one)) for one in cameras))
        ages = ((one, _age_s(one.latest_at, now)) for one in cameras if one.latest_at)
        yield _gauge("stored_age_seconds", "Age of the newest picture on storage", ages)
        yield _gauge("stored_bytes", "Footage on storage", ((one, stored.get(one.pk, 0)) for one in cameras))
        for name, words, key, factor in SAID:
            told = ((one, one.status[key] * factor) for one in cameras if (one.status or {}).get(key) is not None)
            yield _gauge(name, words, told)
        dropped = CounterMetricFamily(
            "ucam_camera_frames_dropped", "Pictures that the camera had no time for", labels=CAMERA
        )
        agents = InfoMetricFamily("ucam_camera_agent", "The agent's version", labels=CAMERA)
        for one in cameras:
            if one.status:
                dropped.add_metric([str(one.jid)], one.status.get("frames_dropped", 0))
                agents.add_metric([str(one.jid)], {"version": str(one.status.get("version", ""))})
        yield from (dropped, agents)


class Server(Collector):
    """Storage, alerts, housekeeping."""

    def collect(self) -> Iterator[Metric]:
        """A disk that is away is a 0, not an error."""
        open_alerts = GaugeMetricFamily("ucam_alerts_open", "Alerts that are not cleared", labels=["kind", "level"])
        for row in Alert.objects.open().order_by().values("kind", "level").annotate(count=Count("pk")):
            open_alerts.add_metric([row["kind"], row["level"]], row["count"])
        exports = GaugeMetricFamily("ucam_exports_unfinished", "Exports that wait or run")
        exports.add_metric([], Export.objects.unfinished().count())
        retention = GaugeMetricFamily("ucam_retention_age_seconds", "Since the last complete pass of retention")
        stamp = Installation.objects.this().retention_at
        if stamp is not None:
            retention.add_metric([], _age_s(stamp, timezone.now()))
        yield from (open_alerts, exports, retention, *_disk())


def _disk() -> Iterator[Metric]:
    up = GaugeMetricFamily("ucam_storage_up", "1 while the disk for footage is there and is ours")
    free = GaugeMetricFamily("ucam_storage_free_bytes", "Free on the disk for footage")
    size = GaugeMetricFamily("ucam_storage_size_bytes", "Size of the disk for footage")
    try:
        with Volume() as volume:
            free.add_metric([], volume.free_bytes())
            size.add_metric([], volume.size_bytes())
        up.add_metric([], 1)
    except StorageAway:
        up.add_metric([], 0)
    yield from (up, free, size)


def _gauge(name: str, words: str, values: Iterable[tuple[Camera, float]]) -> Metric:
    family = GaugeMetricFamily(f"ucam_camera_{name}", words, labels=CAMERA)
    for camera, value in values:
        family.add_metric([str(camera.jid)], float(value))
    return family


def _records(camera: Camera) -> bool:
    return camera.online and bool((camera.status or {}).get("recording"))


def _age_s(at: datetime, now: datetime) -> float:
    return max((now - at).total_seconds(), 0)


def text() -> bytes:
    """All of it, as Prometheus reads it; memory and CPU of this web process besides."""
    registry = CollectorRegistry()
    registry.register(Cameras())
    registry.register(Server())
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def allowed(token: str) -> bool:
    """Whether this is the token that Prometheus was given (UCAM_METRICS_TOKEN)."""
    wanted: str = settings.UCAM_METRICS_TOKEN
    return bool(wanted) and secrets.compare_digest(token.encode(), wanted.encode())
