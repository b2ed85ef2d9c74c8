"""nginx with the configuration that we write, in front of a small real upstream on its unix socket."""

import http.client
import json
import shutil
import socket
import socketserver
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from storage.fragments import Answer, as_bytes, read_meta
from ucam import nginx
from ucam.probes import answers

from .conftest import ROOT, until


class Upstream(BaseHTTPRequestHandler):
    """Answers with the request's own headers; /footage hands a file over to nginx."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers["Upgrade"] == "websocket":
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.end_headers()
            self.wfile.write(b"through")
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = b"" if self.path == "/footage" else json.dumps(headers).encode()
        self.send_response(200)
        self.send_header("Connection", "close")
        if self.path == "/footage":
            self.send_header("X-Accel-Redirect", "/_media/1/2/chunk.mp4")
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Cache-Control", "private")
        self.send_header("Content-Length", str(len(body)))
        with suppress(BrokenPipeError):  # nginx hangs up once it has read that it is to serve a file
            self.end_headers()
            self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Front:
    """nginx on a free port of loopback, and how to ask it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        return self.ask("GET", path, headers)

    def ask(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None = None
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response, content


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """nginx, its folders and one chunk of footage; no upstream yet."""
    folder, program = tmp_path_factory.mktemp("front"), nginx.program()
    assert program, "nginx is missing: run script/test, which installs it."
    for name in ("run", "static", "media/1/2"):
        (folder / name).mkdir(parents=True)
    (folder / "media/1/2/chunk.mp4").write_bytes(bytes(range(256)) * 4)
    (folder / "static/app.js").write_text("export {}\n")
    shutil.copy(ROOT / "static" / "starting.html", folder / "static")
    port, file = free_port(), folder / "run" / "nginx.conf"
    file.write_text(
        nginx.configuration(
            bind=f"127.0.0.1:{port}",
            scheme="https",
            run=folder / "run",
            static=folder / "static",
            media=folder / "media",
            exports=folder / "exports",
        )
    )
    with (folder / "errors.txt").open("w") as errors:
        process = subprocess.Popen(nginx.arguments(program, file), stderr=errors)
    until(lambda: answers(("127.0.0.1", port)), "nginx listens")
    yield Front(folder, port)
    process.terminate()
    assert process.wait(10) == 0


@pytest.fixture
def upstream(front: Front) -> Iterator[None]:
    """What stands in daphne's place."""
    path = front.folder / "run" / "web.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Upstream) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield
        server.shutdown()
    path.unlink()


class Taker(socketserver.BaseRequestHandler):
    """Answers over SCGI with what nginx told, and how large the body's file is."""

    def handle(self) -> None:
        meta = read_meta(self.request)
        assert meta is not None
        size = Path(meta["UCAM_BODY"]).stat().st_size if meta["UCAM_BODY"] else 0
        told = json.dumps({**meta, "size": size}).encode()
        self.request.sendall(as_bytes(Answer(201, {"Location": "/api/device/chunks/here"}, told)))


@pytest.fixture
def taker(front: Front) -> Iterator[None]:
    """What stands in the place of ingest."""
    path = front.folder / "run" / "take.sock"
    with socketserver.ThreadingUnixStreamServer(str(path), Taker) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield
        server.shutdown()
    path.unlink()


@pytest.mark.usefixtures("upstream", "taker")
def test_creations_and_fragments_go_to_ingest_and_nothing_else_does(front: Front) -> None:
    chunks = "/api/device/chunks/"
    for method, path, body in (("POST", chunks, None), ("PATCH", f"{chunks}abc-1", bytes(100_000))):
        response, content = front.ask(method, path, {"UCAM_PATH": "/elsewhere", "Upload-Offset": "7"}, body)
        told = json.loads(content)
        assert (response.status, response.headers["Location"]) == (201, f"{chunks}here")
        assert (told["UCAM_METHOD"], told["UCAM_PATH"], told["HTTP_UPLOAD_OFFSET"]) == (method, path, "7")
        assert told["size"] == len(body or b"")
    for path in (chunks, f"{chunks}abc-1", "/api/device/report/"):
        _, content = front.get(path)
        assert json.loads(content)["host"] == f"127.0.0.1:{front.port}", "the web process answers"
    assert front.ask("POST", f"{chunks}abc-1", {})[0].status == 501, "the upstream knows GET only"


@pytest.mark.usefixtures("upstream")
def test_what_a_client_says_about_its_own_address_is_replaced(front: Front) -> None:
    _, body = front.get(
        "/", X_Forwarded_For="6.6.6.6", X_Forwarded_Proto="gopher", X_Real_IP="6.6.6.6", Forwarded="for=6.6.6.6",
        X_Forwarded_Host="evil.example",
    )  # fmt: skip
    seen = json.loads(body)
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert seen["host"] == f"127.0.0.1:{front.port}"
    assert not {"x-real-ip", "forwarded", "x-forwarded-host"} & set(seen)


@pytest.mark.usefixtures("upstream")
def test_footage_is_served_by_range_after_the_upstream_said_yes(front: Front) -> None:
    response, body = front.get("/footage", Range="bytes=10-19")
    assert (response.status, body) == (206, bytes(range(10, 20)))
    assert response.headers["Content-Type"] == "video/mp4"
    assert response.headers["Cache-Control"] == "private"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("upstream")
def test_footage_is_not_served_to_whoever_asks_by_path(front: Front) -> None:
    for path in ("/_media/1/2/chunk.mp4", "/static/../_media/1/2/chunk.mp4", "//_media/1/2/chunk.mp4"):
        response, body = front.get(path)
        assert response.status == 404
        assert bytes(range(256)) not in body


@pytest.mark.usefixtures("upstream")
def test_static_files_do_not_climb_out_of_their_folder(front: Front) -> None:
    for path in (
        "/static/../media/1/2/chunk.mp4",
        "/static/%2e%2e/media/1/2/chunk.mp4",
        "/static../media/1/2/chunk.mp4",
    ):
        _, body = front.get(path)
        assert bytes(range(256)) not in body


def test_static_files_are_asked_for_again_each_time(front: Front) -> None:
    response, body = front.get("/static/app.js")
    assert (response.status, body) == (200, b"export {}\n")
    assert response.headers["Content-Type"] == "application/javascript"
    assert response.headers["Cache-Control"] == "no-cache"
    again, _ = front.get("/static/app.js", If_None_Match=response.headers["ETag"])
    assert again.status == 304


@pytest.mark.usefixtures("upstream")
def test_a_body_above_a_fragment_is_refused_in_words(front: Front) -> None:
    response, body = front.ask("POST", "/api/device/chunks/", {}, bytes(9 * 2**20 + 1))
    assert response.status == 413
    assert json.loads(body)["code"] == "too_large"


def test_while_the_server_starts_it_says_so_and_logs_no_link(front: Front) -> None:
    response, body = front.get("/sign-in/secret/")
    assert response.status == 503
    assert "secret" not in (front.folder / "errors.txt").read_text()
    assert response.headers["Retry-After"] == "2"
    assert json.loads(body)["code"] == "starting"


def test_who_opens_a_page_meanwhile_reads_words_and_the_page_comes_by_itself(front: Front) -> None:
    response, body = front.get("/alerts/", Accept="text/html,application/xhtml+xml")
    assert (response.status, response.headers["Content-Type"]) == (503, "text/html")
    assert b"The server is starting" in body
    assert b'http-equiv="refresh"' in body


@pytest.mark.usefixtures("upstream")
def test_a_websocket_goes_through(front: Front) -> None:
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as connection:
        connection.sendall(b"GET /ws/room HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    assert answer.startswith(b"HTTP/1.1 101")
    assert answer.endswith(b"\r\n\r\nthrough")


def test_a_path_that_means_something_to_nginx_is_refused(tmp_path: Path) -> None:
    with pytest.raises(nginx.NginxUnusable, match="Set UCAM_DATA"):
        nginx.configuration(
            bind="127.0.0.1:1",
            scheme="http",
            run=tmp_path,
            static=tmp_path,
            media=tmp_path / 'a"; $uri',
            exports=tmp_path,
        )


@pytest.fixture
def short_path() -> Iterator[Path]:
    """Below it there is room for the path of a socket, 107 bytes in all."""
    with tempfile.TemporaryDirectory(prefix="ucam") as folder:
        yield Path(folder)


def test_every_configuration_that_we_write_is_one_that_nginx_accepts(short_path: Path) -> None:
    folder = short_path / "a folder, with ~ everything+@"
    folder.mkdir()
    file, program = folder / "nginx.conf", nginx.program()
    assert program
    file.write_text(
        nginx.configuration(bind="[::1]:8000", scheme="http", run=folder, static=folder, media=folder, exports=folder),
    )
    tested = subprocess.run([*nginx.arguments(program, file), "-t"], capture_output=True, text=True)
    assert "syntax is ok" in tested.stderr


def own_authority(folder: Path) -> nginx.Tls:
    """Authority and certificate by the lines of docs/operations.md, word for word but for places and address."""
    about = (ROOT / "docs" / "operations.md").read_text().partition("make an authority of your own")[2]
    lines = about.partition("```sh\n")[2].partition("\ninstall -m 0640")[0]
    script = lines.replace("/etc/ucam-ca", str(folder)).replace("192.168.1.10", "127.0.0.1")
    subprocess.run(["sh", "-ec", script], check=True, capture_output=True)
    return nginx.Tls(folder / "server.crt", folder / "server.key")


def test_with_a_certificate_it_speaks_tls_alone(tmp_path: Path) -> None:
    """As docs/operations.md says, TLS on a network of one's own; to clients as strict as Python's from 3.13 on."""
    tls = own_authority(tmp_path / "ca")
    for name in ("run", "static"):
        (tmp_path / name).mkdir()
    (tmp_path / "static" / "app.js").write_text("export {}\n")
    port, file, program = free_port(), tmp_path / "run" / "nginx.conf", nginx.program()
    assert program
    folders = {"run": tmp_path / "run", "static": tmp_path / "static", "media": tmp_path, "exports": tmp_path}
    file.write_text(nginx.configuration(bind=f"127.0.0.1:{port}", scheme="https", tls=tls, **folders))
    process = subprocess.Popen(nginx.arguments(program, file))
    try:
        until(lambda: answers(("127.0.0.1", port)), "nginx listens")
        context = ssl.create_default_context(cafile=str(tmp_path / "ca" / "ca.crt"))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=10, context=context)
        connection.request("GET", "/static/app.js")
        assert connection.getresponse().read() == b"export {}\n"
        plain = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        plain.request("GET", "/static/app.js")
        assert plain.getresponse().status == 400
    finally:
        process.terminate()
        process.wait(10)
