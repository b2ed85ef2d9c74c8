"""Values from the environment that a library does not read by itself: secret key, addresses."""

import os
import secrets
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured


class Environment(environ.Env):
    """environ.Env whose complaint about a value is a sentence. `given`: what was set, as text, for a backup."""

    def __init__(self) -> None:
        super().__init__()
        self.given: dict[str, str] = {}

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        """The typed value; raises ImproperlyConfigured that names the variable."""
        if var in self.ENVIRON:
            self.given[var] = self.ENVIRON[var]
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"The environment variable {var} cannot be read: {error}.") from error


def data_folder(text: str, base: Path) -> Path:
    """The folder for everything that changes, made with mode 0700 when it is not there."""
    folder = Path(text) if text else base / "var"
    folder = folder if folder.is_absolute() else base / folder
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {folder} cannot be made ({error.strerror}). Make it, or set UCAM_DATA to another."
        ) from error
    return folder


def secret_keys(given: str, file: Path) -> list[str]:
    """The given key, else those in `file`: the current one, then older ones that rotate_key left there.

    The file is made with mode 0600 on the first start.
    """
    if given:
        return [given]
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as new:
            new.write(secrets.token_urlsafe(64))
            new.flush()
            os.fsync(new.fileno())
    except FileExistsError:
        pass
    except OSError as error:
        raise ImproperlyConfigured(
            f"The key file {file} cannot be written ({error.strerror}). Mend that, or set UCAM_SECRET_KEY_FILE."
        ) from error
    keys = file.read_text().split()
    if not keys or min(map(len, keys)) < 50:
        raise ImproperlyConfigured(f"The key in {file} is too short to be safe. Delete the file to get a new one.")
    return keys


def public_url(text: str, bind: str) -> str:
    """The address people open, without a slash at the end; raises when it is no http(s) URL."""
    url = (text or f"http://{bind}").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise ImproperlyConfigured(f"UCAM_URL must look like https://cameras.example.com, not {text!r}.")
    return url


def bind_address(text: str) -> tuple[str, int]:
    """(host, port) of UCAM_BIND; raises with a sentence."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ImproperlyConfigured(f"UCAM_BIND must look like 127.0.0.1:8000, not {text!r}.")
    return host.strip("[]"), int(port)


def networks(texts: list[str]) -> list[str]:
    """Networks such as 192.168.1.0/24; raises with a sentence."""
    for text in texts:
        try:
            ip_network(text, strict=False)
        except ValueError as error:
            raise ImproperlyConfigured(f"UCAM_NOTICE_NETWORKS must look like 192.168.1.0/24, not {text!r}.") from error
    return texts


def broker_url(redis_url: str) -> str:
    """Celery's way of writing a Redis URL: a unix socket is redis+socket there."""
    if not redis_url.startswith("unix:"):
        return redis_url
    parts = urlsplit(redis_url)
    number = dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair).get("db", "0")
    return f"redis+socket://{parts.path}?virtual_host={number}"


def second_tier(place: str, **access: str) -> dict[str, dict[str, Any]]:
    """Django's entry for a folder or `s3://bucket/prefix`, none without a place; raises with a sentence."""
    if not place:
        return {}
    parts = urlsplit(place)
    if parts.scheme == "s3" and parts.netloc:
        given = {key: value for key, value in access.items() if value}
        options = {"bucket_name": parts.netloc, "location": parts.path.strip("/"), **given}
        return {"second_tier": {"BACKEND": "storage.bucket.Bucket", "OPTIONS": options}}
    if not place.startswith("/"):
        raise ImproperlyConfigured(
            f"UCAM_SECOND_TIER must look like /mnt/archive or s3://bucket/prefix, not {place!r}."
        )
    return {"second_tier": {"BACKEND": "storage.folder.Folder", "OPTIONS": {"root": place}}}
