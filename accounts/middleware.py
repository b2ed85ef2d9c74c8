"""Django admin's session cookie lives no longer than the sign-in it came from."""

from collections.abc import Callable

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import Session


class SignInEnds:
    """Signs an operator out of the admin once the sign-in behind the cookie was ended."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """One query, for requests that carry such a cookie only."""
        sign_in = request.session.get("sign_in") if request.path.startswith("/admin/") else None
        if sign_in and not Session.objects.alive(timezone.now()).filter(pk=sign_in).exists():
            logout(request)
        return self.get_response(request)
