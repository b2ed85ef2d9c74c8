"""What holds for every answer."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


class NotForCaches:
    """Answers of the API are one person's: no cache on the way keeps them, unless the door itself says how."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """`Cache-Control: no-store` where nothing else is said."""
        response = self.get_response(request)
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        return response
