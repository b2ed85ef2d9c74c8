"""Sends one message to a service or a push server, in a process of its own that can do nothing else.

The URL may be anybody's idea of an address. So this process is told what to send on stdin, and from then on may connect
to allowed addresses only (looked at when it connects: names that change their address and redirects gain nothing),
start no program and read no file of ours. No Django here: it starts in a moment and holds no secret but its own.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from typing import Any

from cameras.notices.targets import allowed

TIMEOUT_S = 20.0
TTL_S = 24 * 3600
STARTS_SOMETHING = ("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.spawn")
READABLE = tuple(
    os.path.realpath(folder) + os.sep for folder in (sys.prefix, sys.base_prefix, "/usr", "/etc/ssl", "/lib")
)


class Refused(OSError):
    """Something that a message never needs."""


def confine(networks: list[str]) -> None:
    """From now on, until this process ends; a hook cannot be taken away again (PEP 578)."""

    def judge(event: str, args: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.bind"):
            _judge_address(args[0], args[1], networks)
        elif event.startswith(STARTS_SOMETHING):
            raise Refused("starting programs is not allowed here")
        elif event == "open" and isinstance(args[0], str | bytes):
            _judge_file(os.fsdecode(args[0]), args[1], args[2])

    sys.addaudithook(judge)


def _judge_address(connection: socket.socket, address: Any, networks: list[str]) -> None:
    inet = connection.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple)
    if not inet or not allowed(str(address[0]), networks):
        raise Refused("this address is not for messages")


def _judge_file(path: str, mode: str | None, flags: int) -> None:
    writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or any(letter in (mode or "") for letter in "wax+")
    if path != os.devnull and (writes or not os.path.realpath(path).startswith(READABLE)):
        raise Refused("this file is not for messages")


def main() -> None:
    """One JSON object on stdin, one on stdout: {ok, permanent, gone, words}."""
    job = json.load(sys.stdin)
    send = {"push": _push, "service": _service}[job["kind"]]
    try:
        answer = send(job)
    except Exception as error:  # whatever a library does: the words must reach the parent, without the URL
        answer = _failed(f"{type(error).__name__} while sending")
    json.dump(answer, sys.stdout)


def _push(job: dict[str, Any]) -> dict[str, Any]:
    import requests
    from py_vapid import Vapid
    from pywebpush import WebPushException, webpush

    key = Vapid.from_pem(job["vapid"].encode())
    session = requests.Session()
    session.trust_env, session.max_redirects = False, 0
    confine(job["networks"])
    headers = {"Urgency": "high" if job["urgent"] else "normal", "Topic": job["topic"]}
    try:
        webpush(
            job["subscription"], json.dumps(job["message"], ensure_ascii=False), vapid_private_key=key,
            vapid_claims={"sub": job["contact"]}, ttl=TTL_S, headers=headers, timeout=TIMEOUT_S,
            requests_session=session,
        )  # fmt: skip
    except WebPushException as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (404, 410):
            return _failed("This browser does not take messages any more.", gone=True)
        return _failed(
            f"The browser's push server answered {status or 'nothing'}.", permanent=status in (400, 403, 413)
        )
    except (requests.RequestException, OSError) as error:
        return _failed(_network_words(error))
    return {"ok": True, "permanent": False, "gone": False, "words": ""}


def _service(job: dict[str, Any]) -> dict[str, Any]:
    import apprise
    from apprise import LOGGER_NAME

    logging.getLogger(LOGGER_NAME).setLevel(logging.CRITICAL)  # its words may hold the URL
    sender = apprise.Apprise(asset=apprise.AppriseAsset(app_id="ucam", app_desc="ucam", async_mode=False))
    if not sender.add(job["url"]):
        return _failed("The service's URL is not understood.", permanent=True)
    confine(job["networks"])
    kind = apprise.NotifyType.WARNING if job["urgent"] else apprise.NotifyType.INFO
    if sender.notify(body=job["body"], title=job["title"], notify_type=kind, body_format=apprise.NotifyFormat.TEXT):
        return {"ok": True, "permanent": False, "gone": False, "words": ""}
    return _failed("The service did not take the message, cannot be reached, or lies on a network that is not allowed.")


def _failed(words: str, *, permanent: bool = False, gone: bool = False) -> dict[str, Any]:
    return {"ok": False, "permanent": permanent, "gone": gone, "words": words}


def _network_words(error: BaseException) -> str:
    """Without the address: it is a secret."""
    if "is not for messages" in str(error):
        return "The browser's push server lies on a network that is not allowed."
    return "The browser's push server cannot be reached."


if __name__ == "__main__":
    main()
