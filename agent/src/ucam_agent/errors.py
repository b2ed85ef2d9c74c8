"""What can go wrong on the camera's side, each with a stable code; caught once, at the door."""

from __future__ import annotations

import os
import time

from ucam_sentences import say

_NOT_IN_TIME = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED (openssl/x509_vfy.h)


class AgentError(Exception):
    """Root: `message` says in a sentence what went wrong and what to do; `permanent`: trying again is useless."""

    code = "agent"
    permanent = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigInvalid(AgentError):
    """An option, the configuration file or a file of the state directory cannot be used."""

    code = "config_invalid"


class NotEnrolled(AgentError):
    """There is no device.json: the device does not know who it is."""

    code = "not_enrolled"


class EnrolmentFailed(AgentError):
    """The server gave no identity for this code."""

    code = "enrolment_failed"


class GstMissing(AgentError):
    """GStreamer, its Python bindings or one of its elements is not installed."""

    code = "gst_missing"


def clock_words(error: BaseException | None) -> str:
    """A sentence when a certificate was refused for the time it is valid: then this device's clock is wrong, mostly."""
    while error is not None and getattr(error, "verify_code", None) is None:
        error = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error.__cause__
    if getattr(error, "verify_code", None) not in _NOT_IN_TIME:
        return ""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    return say(
        "The server's certificate is not valid on this device's date, {today}. Check the time service here "
        "(timedatectl); if that date is right, the server's operator must renew its certificate.",
        today=today,
    )


def reason_of(error: OSError) -> str:
    """Why a connection failed, in the words of the system: those of asyncio are for programmers."""
    if error.errno and error.errno > 0:
        return os.strerror(error.errno).lower()
    return str(error.strerror or error) or type(error).__name__


def ask_again() -> str:
    """What to do about a token that nobody accepts any more."""
    return say("Ask an operator for a new code and run: ucam-agent enrol --again URL CODE.")


class StorageAway(AgentError):
    """Storage did not answer as it should; `retry_after_s` is its own wish, 0 without one."""

    code = "storage_away"
    permanent = False

    def __init__(self, message: str, retry_after_s: float = 0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TokenRefused(AgentError):
    """The device token is not accepted (any more)."""

    code = "token_refused"


class OffsetWrong(AgentError):
    """Storage holds another number of bytes of this chunk than we thought: ask by HEAD."""

    code = "offset_wrong"
    permanent = False


class ChecksumWrong(AgentError):
    """The bytes were changed on their way."""

    code = "checksum_wrong"
    permanent = False


class ChunkGone(AgentError):
    """Retention has deleted this chunk on storage: do not ship it any more."""

    code = "chunk_gone"


class ChunkUnknown(AgentError):
    """Storage does not know this upload (any more): create it anew."""

    code = "chunk_unknown"
    permanent = False


class ChunkClosed(AgentError):
    """Storage holds this chunk as closed already."""

    code = "chunk_closed"


class ChunkRefused(AgentError):
    """Storage will never take these bytes; `message` says why."""

    code = "chunk_refused"
