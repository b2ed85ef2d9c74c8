"""The server's processes: where they live, which there are and how each is started."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from ucam_supervise import Child

from ucam import nginx
from ucam.nginx import Tls
from ucam.probes import answers, says
from ucam.run_folder import StartFailed, run_folder

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Server:
    """Where this server lives; taken from the settings, which alone read the environment."""

    data: Path
    run: Path
    media: Path
    exports: Path
    static: Path
    host: str
    port: int
    bind: str
    url: str
    own_redis: bool
    nginx: str | None
    tls: Tls | None = None

    @classmethod
    def from_settings(cls) -> Server:
        """Raises ImproperlyConfigured or StartFailed with a sentence."""
        from ucam import settings

        program, cert = nginx.program(), settings.UCAM_TLS_CERT
        if cert and program is None:
            raise StartFailed("UCAM_TLS_CERT needs nginx, which is not installed: apt-get install nginx-light")
        return cls(
            data=settings.UCAM_DATA,
            run=run_folder(settings.UCAM_RUN),
            media=settings.UCAM_MEDIA,
            exports=settings.UCAM_EXPORTS,
            static=settings.STATIC_ROOT,
            host=settings.UCAM_BIND_HOST,
            port=settings.UCAM_BIND_PORT,
            bind=settings.UCAM_BIND,
            url=settings.UCAM_URL,
            own_redis=settings.REDIS_URL.startswith(f"unix://{settings.UCAM_RUN / 'redis.sock'}"),
            nginx=program,
            tls=Tls(Path(cert), Path(settings.UCAM_TLS_KEY)) if cert else None,
        )

    @property
    def notice(self) -> str:
        """What somebody who looks for the sockets should know; mostly nothing."""
        usual = self.data / "run"
        return "" if self.run == usual else f"Sockets are in {self.run}, not in {usual}."

    @property
    def env(self) -> dict[str, str]:
        """What its processes know beyond the environment that all have."""
        return {"UCAM_RUN": str(self.run), "UCAM_ACCEL": "1" if self.nginx else "0", "PYTHONUNBUFFERED": "1"}

    @property
    def local_address(self) -> tuple[str, int]:
        """Where this machine itself reaches the server."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port  # noqa: S104 - compared only

    @property
    def web_address(self) -> str | tuple[str, int]:
        """Where this machine speaks plain HTTP with Django: behind nginx its socket."""
        return str(self.run / "web.sock") if self.nginx else self.local_address

    @property
    def local_url(self) -> str:
        """For the demo camera; a certificate holds for the public name only."""
        if self.tls:
            return self.url
        host, port = self.local_address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def demo_state(self) -> Path:
        return self.data / "demo"


def children(server: Server) -> list[Child]:
    """All of them but the demo camera, in the order in which they start."""
    found = [redis(server)] if server.own_redis else []
    found.append(web(server))
    if server.nginx:
        found += [fragments(server), web_front(server, server.nginx)]
    return [*found, worker(server), long_worker(server), beat(server)]


def redis(server: Server) -> Child:
    """A private Redis: no port, nothing kept on disk, since all it holds is made anew after a start."""
    path, log = server.run / "redis.sock", server.data / "log" / "redis.log"

    def make_room() -> None:
        path.unlink(missing_ok=True)
        log.parent.mkdir(mode=0o700, exist_ok=True)

    keep_nothing = ["--save", "", "--appendonly", "no", "--dir", str(server.run)]
    return Child(
        "redis",
        ["redis-server", "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", *keep_nothing,
         "--daemonize", "no", "--logfile", str(log), "--loglevel", "warning", "--maxmemory-policy", "noeviction"],
        prepare=make_room,
        ready=lambda: says(path, b"PING\r\n", b"+PONG"),
    )  # fmt: skip


def web(server: Server) -> Child:
    """daphne, behind nginx on a unix socket or itself on the address. It logs no requests: some hold sign-in links."""
    common = [sys.executable, "-m", "daphne", "--verbosity", "0", "--no-server-name", "--websocket_timeout", "-1"]
    app = "ucam.asgi:application"
    if not server.nginx:
        argv = [*common, "-b", server.host, "-p", str(server.port), app]
        return Child("web", argv, env=server.env, ready=lambda: answers(server.local_address))
    path, lock = server.run / "web.sock", server.run / "web.sock.lock"

    def forget_last_time() -> None:
        path.unlink(missing_ok=True)
        lock.unlink(missing_ok=True)

    argv = [*common, "--proxy-headers", "-u", str(path), app]
    return Child("web", argv, env=server.env, prepare=forget_last_time, ready=lambda: answers(str(path)))


def fragments(server: Server) -> Child:
    """What makes fragments durable that nginx has received; without nginx the web process does."""
    path = server.run / "take.sock"
    argv = [sys.executable, "manage.py", "take_fragments", str(path)]
    return Child("ingest", argv, env=server.env, cwd=ROOT, ready=lambda: answers(str(path)))


def web_front(server: Server, program: str) -> Child:
    """nginx: the address itself, static files and footage."""
    file = server.run / "nginx.conf"
    text = nginx.configuration(
        bind=server.bind,
        scheme=server.url.partition(":")[0],
        run=server.run,
        static=server.static,
        media=server.media,
        exports=server.exports,
        tls=server.tls,
    )

    def write_configuration() -> None:
        file.write_text(text)

    return Child(
        "nginx",
        nginx.arguments(program, file),
        prepare=write_configuration,
        ready=lambda: answers(server.local_address),
        orphan_signal=signal.SIGTERM,
    )


def worker(server: Server) -> Child:
    """Celery's worker for all that is soon done."""
    return _worker(server, "worker", "celery", "2")


def long_worker(server: Server) -> Child:
    """Exports and moves, which may take hours, one of each at a time; and beside them messages, which may wait for mail
    servers that do not answer.
    """
    return _worker(server, "long-worker", "long", "4")


def _worker(server: Server, name: str, queue: str, processes: str) -> Child:
    """As an orphan it is killed, and with it its processes, as Celery told the kernel; its tasks are given out again.

    Not SIGQUIT: Celery's own quick end waits for ever when it is still starting and Redis has gone at the same moment.
    """
    argv = [*celery(), "worker", "--queues", queue, "--concurrency", processes, "--hostname", f"{queue}@%h"]
    argv += ["--loglevel", "WARNING", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    # All of ucam runs as one user; when that is root, Celery's long warning says nothing new.
    quiet = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
    return Child(name, argv, env=server.env | quiet)


def beat(server: Server) -> Child:
    """Celery's clock."""
    schedule = server.run / "beat-schedule"
    return Child(
        "beat",
        [*celery(), "beat", "--schedule", str(schedule), "--pidfile", "", "--loglevel", "WARNING"],
        env=server.env,
    )


def celery() -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "ucam.celery:app", "--quiet"]


def agent(server: Server, *words: str) -> list[str]:
    """A command line of the demo camera's agent."""
    return [str(Path(sys.executable).with_name("ucam-agent")), "--state", str(server.demo_state), *words]
