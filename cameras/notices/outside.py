"""The way out of this server for messages: a small process that may do nothing but send one (sender.py)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from django.conf import settings

from cameras.models import Channel
from cameras.notices.errors import ChannelGone, DeliveryFailed
from cameras.notices.push import contact, private_key
from cameras.notices.words import Notice

WITHIN_S = 60
TEXT_MAX = 1500  # a push message has 4096 bytes in all


def push(channel: Channel, message: Notice) -> None:
    """To a browser; raises DeliveryFailed or ChannelGone."""
    told = {"title": message.title, "body": _body(message, 500), "url": message.url, "tag": message.thread}
    run({
        "kind": "push", "subscription": channel.secret, "message": told, "vapid": private_key(), "contact": contact(),
        "urgent": message.urgent, "topic": message.key.replace("-", "")[:32],
    })  # fmt: skip


def service(channel: Channel, message: Notice) -> None:
    """To a service of apprise; raises DeliveryFailed."""
    body = f"{_body(message, TEXT_MAX)}\n{message.url}"
    run(
        {
            "kind": "service",
            "url": channel.secret["url"],
            "title": message.title,
            "body": body,
            "urgent": message.urgent,
        }
    )


def _body(message: Notice, longest: int) -> str:
    return "\n".join(part for part in (message.text, message.facts) if part)[:longest]


def run(job: dict[str, Any]) -> None:
    """Raises DeliveryFailed in words without a secret."""
    command = [sys.executable, "-B", "-m", "cameras.notices.sender"]
    env = {"PATH": os.defpath, "HOME": "/nonexistent", "LANG": "C.UTF-8", "PYTHONPATH": str(settings.BASE_DIR)}
    told = json.dumps(job | {"networks": settings.UCAM_NOTICE_NETWORKS})
    try:
        done = subprocess.run(  # noqa: S603 - fixed words
            command, input=told, capture_output=True, text=True, timeout=WITHIN_S, check=False, env=env, cwd="/"
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, OSError, ValueError) as error:
        raise DeliveryFailed("Sending took too long, or could not be started.") from error
    if answer["gone"]:
        raise ChannelGone(answer["words"], permanent=True)
    if not answer["ok"]:
        raise DeliveryFailed(answer["words"], permanent=answer["permanent"])
