"""The one door at which errors become HTTP answers: {code, message, hint?}."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404
from django.utils.translation import gettext
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback
from ucam_protocol import ProtocolError

from accounts.errors import NotAllowed, TokenInvalid, UcamError

CODES = {
    400: "invalid",
    401: "token_invalid",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many",
}


def said(text: str) -> str:
    """A sentence in the reader's language, where it has one there; gettext of nothing would be the catalogue's head."""
    return gettext(text) if text else ""


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: {code, message, hint?} with the fitting status."""
    set_rollback()
    match error:
        case UcamError():
            return _response(error.status, error.code, error.message, error.hint, error.headers)
        case ProtocolError():
            return _response(400, error.code, error.message, error.hint)
        case Http404():
            return _response(404, "not_found", "There is nothing here for you.")
        case PermissionDenied():
            return _response(403, "not_allowed", NotAllowed.message, NotAllowed.hint)
        case ValidationError():
            return _response(400, "invalid", " ".join(error.messages))
        case RecursionError():  # JSON that is nested without end
            return _response(400, "invalid", "This is nested too deeply.")
        case exceptions.NotAuthenticated() | exceptions.AuthenticationFailed():
            return _response(401, TokenInvalid.code, TokenInvalid.message, TokenInvalid.hint)
        case exceptions.APIException():
            wait = getattr(error, "wait", None)
            headers = {"Retry-After": str(int(wait) + 1)} if wait else {}
            return _response(
                error.status_code, CODES.get(error.status_code, "error"), _words(error.detail), "", headers
            )
    return None


def _words(detail: Any) -> str:
    """DRF's nested detail as sentences."""
    if isinstance(detail, dict):
        return " ".join(
            f"{key}: {_words(value)}" if key != "non_field_errors" else _words(value) for key, value in detail.items()
        )
    if isinstance(detail, list | tuple):
        return " ".join(_words(each) for each in detail)
    return str(detail)


def _response(status: int, code: str, message: str, hint: str = "", headers: dict[str, str] | None = None) -> Response:
    body = {"code": code, "message": said(message)} | ({"hint": said(hint)} if hint else {})
    if status == 401:
        headers = {"WWW-Authenticate": "Bearer", **(headers or {})}
    return Response(body, status=status, headers=headers)
