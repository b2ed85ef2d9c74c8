"""DRF authentication of people by their access token. Never from the URL: addresses end up in logs."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.errors import TokenInvalid
from accounts.models import Session, User
from accounts.tokens import session_of


def bearer(header: str) -> str | None:
    """The token of an Authorization header, or None when it is not of that kind."""
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None


def person(request: Request) -> User:
    """Who asks; raises TokenInvalid when nobody is signed in."""
    if not isinstance(request.user, User):
        raise TokenInvalid()
    return request.user


class PersonAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`."""

    def authenticate(self, request: Request) -> tuple[User, Session] | None:
        """(person, session), or None without such a header; raises TokenInvalid or SessionEnded."""
        token = bearer(request.headers.get("Authorization", ""))
        if token is None:
            return None
        session = session_of(token)
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        """Makes DRF answer 401 and not 403."""
        return "Bearer"


class PersonScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document names it."""

    target_class = PersonAuthentication
    name = "person"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """HTTP bearer with a JWT."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
