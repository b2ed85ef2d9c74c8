"""Doors for whoever runs the server: healthz, readyz, metrics."""

from __future__ import annotations

from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from accounts.authentication import bearer
from accounts.errors import SessionEnded, TokenInvalid
from accounts.tokens import user_of
from storage.retention import stands_still
from ucam import telemetry


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when database and Redis answer and the tables are up to date, else 503."""
    parts = {"database": _database_ready(), "redis": _redis_ready()}
    ready = all(parts.values())
    # Not a reason to send people elsewhere, but to look: this process sees it even when no other one is left.
    retention = parts["database"] and not stands_still(timezone.now())
    return JsonResponse({"ready": ready, **parts, "retention": retention}, status=200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text, for UCAM_METRICS_TOKEN and for operators; everybody else is told that there is nothing."""
    token = bearer(request.headers.get("Authorization", "")) or ""
    try:
        allowed = telemetry.allowed(token) or user_of(token).is_staff
    except (TokenInvalid, SessionEnded):
        allowed = False
    if not allowed:
        return JsonResponse({"code": "not_found", "message": "There is nothing here for you."}, status=404)
    return HttpResponse(telemetry.text(), content_type=telemetry.CONTENT_TYPE)


def _database_ready() -> bool:
    try:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return False


def _redis_ready() -> bool:
    try:
        cache.set("readyz", 1, 5)
        return bool(cache.get("readyz"))
    except (RedisError, OSError):
        return False


urlpatterns = [path("healthz", healthz), path("readyz", readyz), path("metrics", metrics)]
