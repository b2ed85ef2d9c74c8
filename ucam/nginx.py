"""nginx as a child of ours: where its program is, and its configuration."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import NamedTuple

TEMPLATE = Path(__file__).with_name("nginx.conf.template")
MIME_TYPES = Path("/etc/nginx/mime.types")
SAFE_PATH = re.compile(r"[\w/.,@+~ -]+")


class NginxUnusable(Exception):
    """nginx cannot serve this installation; the message says why and what to do."""

    code = "nginx_unusable"
    permanent = True


def program() -> str | None:
    """The path of Debian's nginx, or None when it is not installed."""
    path = shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/sbin")
    return path if path and MIME_TYPES.exists() else None


class Tls(NamedTuple):
    """A certificate (with its chain) and its key, as files in PEM."""

    certificate: Path
    key: Path


def configuration(
    *, bind: str, scheme: str, run: Path, static: Path, media: Path, exports: Path, tls: Tls | None = None
) -> str:
    """The text of nginx.conf; raises NginxUnusable for a path that would mean something else inside it."""
    for path in (run, static, media, exports, *(tls or ())):
        if not SAFE_PATH.fullmatch(str(path)):
            raise NginxUnusable(f"nginx cannot use the path {path}. Set UCAM_DATA to one of letters and digits.")
    words = {
        # As root its workers would become another user, who may not read UCAM_DATA.
        "USER": "user root root;" if os.geteuid() == 0 else "",
        "RUN": str(run),
        "MIME_TYPES": str(MIME_TYPES),
        "SCHEME": scheme,
        "LISTEN": bind if tls is None else f"{bind} ssl",
        "TLS": "" if tls is None else f'ssl_certificate "{tls.certificate}"; ssl_certificate_key "{tls.key}";',
        "STATIC": str(static),
        "MEDIA": str(media),
        "EXPORTS": str(exports),
    }
    return re.sub(r"@([A-Z_]+)@", lambda found: words[found[1]], TEMPLATE.read_text())


def arguments(nginx: str, file: Path) -> list[str]:
    """The command line that runs nginx on this configuration and writes its errors to stderr."""
    return [nginx, "-e", "stderr", "-p", str(file.parent), "-c", str(file)]
