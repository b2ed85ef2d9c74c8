"""Every word that people read has its German one: pages, errors over HTTP, errors in the room."""

from __future__ import annotations

import ast
import gettext
import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from django.utils.translation import gettext as django_gettext
from django.utils.translation import override
from ucam_protocol import Chat, Error, Part

import accounts
import cameras
import storage
from accounts.errors import UcamError
from accounts.models import AuditEntry
from cameras.models import Alert, Message
from cameras.sentences import say
from storage.models import Installation
from tests.conftest import Cast
from tests.room.peers import Peer, url_origin
from ucam import names

WORDS = re.compile(r'{%\s*translate "([^"]+)"')
ENTRY = re.compile(r'^msgid "(.+)"\nmsgstr "(.*)"$', re.MULTILINE)
PLAIN = re.compile(r">\s*([A-Z][a-z]+(?: [a-z]+)+)[^<{]*<")
TEMPLATES = settings.BASE_DIR / "templates"
BLOCK = re.compile(r"{%\s*blocktranslate[^%]*%}(.*?){%\s*endblocktranslate", re.DOTALL)
VALUE = re.compile(r"{{ (\w+) }}")
FOLDER = settings.BASE_DIR / "locale" / "de" / "LC_MESSAGES"


def written() -> dict[str, str]:
    """The entries of the .po file."""
    pairs = ENTRY.findall((FOLDER / "django.po").read_text(encoding="utf-8"))
    return {english.replace('\\"', '"'): german.replace('\\"', '"') for english, german in pairs}


SERVER = [Path(package.__path__[0]) for package in (accounts, cameras, storage)]
AGENT = settings.BASE_DIR / "agent" / "src"


def said(*names: str, folders: Sequence[Path] = SERVER) -> Iterator[str]:
    """First arguments of all calls of these functions; of "a if so else b" both."""
    files = [file for folder in folders for file in folder.rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    for call in (node for node in nodes if isinstance(node, ast.Call) and node.args):
        if isinstance(call.func, ast.Name) and call.func.id in names:
            first = call.args[0]
            for one in (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,):
                if isinstance(one, ast.Constant):
                    yield str(one.value)


def errors(root: type[UcamError] = UcamError) -> Iterator[type[UcamError]]:
    """All classes of errors of the server."""
    yield root
    for kind in root.__subclasses__():
        yield from errors(kind)


def test_every_word_of_the_pages_has_a_translation() -> None:
    pages = [*(TEMPLATES / "web").glob("*.html"), *TEMPLATES.glob("*.html")]
    words = {word for page in pages for word in WORDS.findall(page.read_text(encoding="utf-8"))}
    assert len(words) > 100
    assert words - written().keys() == set()


def test_every_word_of_mails_pushes_and_alerts_has_a_translation() -> None:
    mails = [file for part in ("accounts", "notices", "storage") for file in (TEMPLATES / part).iterdir()]
    texts = [mail.read_text(encoding="utf-8") for mail in mails]
    words = {word for text in texts for word in WORDS.findall(text)}
    words |= {VALUE.sub(r"%(\1)s", word) for text in texts for word in BLOCK.findall(text)}
    words |= set(said("say", "gettext", "gettext_noop"))
    assert len(words) > 100
    assert words - written().keys() == set()


def test_every_sentence_of_a_camera_has_a_translation() -> None:
    words = set(said("say", "english", folders=[AGENT])) | set(get_args(Part))
    words |= set(said("Finding", "_look", folders=[AGENT / "ucam_agent"]))
    assert len(words) > 100
    assert words - written().keys() == set()


def test_what_is_filled_in_has_its_place_in_both_languages() -> None:
    unlike = {english for english, german in written().items() if places(english) != places(german)}
    assert unlike == set()


def places(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w+\}|%\(\w+\)s", text))


def test_every_word_of_the_administration_has_a_translation() -> None:
    texts = [page.read_text(encoding="utf-8") for page in (TEMPLATES / "admin").rglob("*.html")]
    words = {word for text in texts for word in WORDS.findall(text)}
    words |= {VALUE.sub(r"%(\1)s", word) for text in texts for word in BLOCK.findall(text)}
    words |= set(said("gettext", "gettext_lazy", "gettext_noop", folders=[*SERVER, settings.BASE_DIR / "ucam"]))
    assert len(words) > 150
    assert words - written().keys() == set()


def test_every_name_of_a_model_that_the_administration_shows_has_a_translation() -> None:
    assert len(names.words()) > 150
    with override("de"):
        missing = {word for word in names.words() - written().keys() if django_gettext(word) == word}
    assert missing == set()


def test_no_page_of_the_administration_says_anything_past_the_catalogue() -> None:
    pages = sorted((TEMPLATES / "admin").rglob("*.html"))
    assert {page.name: found for page in pages if (found := PLAIN.findall(page.read_text(encoding="utf-8")))} == {}


def text_of(html: str) -> set[str]:
    """What stands between the tags of the page's content, without values."""
    content = re.sub(r"<(script|style|option)\b.*?</\1>", "", html, flags=re.DOTALL)
    return {piece.strip() for piece in re.findall(r">([^<>]+)<", content) if piece.strip()}


def capital_too(words: set[str]) -> set[str]:
    """As Django begins a heading."""
    return words | {word[:1].upper() + word[1:] for word in words}


@pytest.mark.parametrize(
    "path",
    [
        "", "cameras/camera/", "cameras/camera/add/", "cameras/camera/figures/", "cameras/location/", "accounts/user/",
        "accounts/user/add/", "cameras/alert/", "accounts/session/", "accounts/auditentry/", "storage/gap/",
        "storage/total/", "storage/hold/", "storage/installation/", "cameras/message/", "storage/spoolreport/",
    ],
)  # fmt: skip
def test_an_administration_page_in_german_has_no_english_of_ours(cast: Cast, path: str) -> None:
    Installation.objects.get_or_create(pk=1)
    client = Client(headers={"accept-language": "de"})
    client.force_login(cast.alice, backend="sesame.backends.ModelBackend")
    answer = client.get(f"/admin/{path}")
    assert answer.status_code == 200
    english, german = (capital_too(words) for words in ({*written(), *names.words()}, set(written().values())))
    assert text_of(answer.content.decode()) & (english - german) == set()


def test_the_administration_shows_alerts_and_what_cameras_said_in_german(cast: Cast) -> None:
    client = Client(headers={"accept-language": "de"})
    client.force_login(cast.alice, backend="sesame.backends.ModelBackend")
    title = say("{name} is not connected", name="Hof")
    alert = Alert.objects.raise_("camera_offline", "critical", title, camera=cast.camera)
    Message.objects.create(
        from_jid=str(cast.camera),
        text="Everything is well.",
        said=[["Everything is well.", {}]],
        sent_at=timezone.now(),
    )
    for path in ("alert/", f"alert/{alert.pk}/change/", "camera/"):
        assert "Hof ist nicht verbunden" in client.get(f"/admin/cameras/{path}").content.decode()
    assert "Alles ist in Ordnung." in client.get("/admin/cameras/message/").content.decode()


def test_what_the_audit_trail_keeps_is_in_one_language(cast: Cast) -> None:
    client = Client(headers={"accept-language": "de"})
    client.force_login(cast.alice, backend="sesame.backends.ModelBackend")
    values = {"domain": "neu.loc", "timezone": "UTC", "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    assert client.post("/admin/cameras/location/add/", values).status_code == 302
    assert AuditEntry.objects.latest("pk").subject == "location neu.loc"


def test_no_page_says_anything_past_the_catalogue() -> None:
    pages = sorted((settings.BASE_DIR / "templates" / "web").glob("*.html"))
    assert {page.name: found for page in pages if (found := PLAIN.findall(page.read_text(encoding="utf-8")))} == {}


def test_every_error_of_the_server_has_a_translation() -> None:
    for package in (accounts, cameras, storage):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "migrations" not in module.name and "management" not in module.name:
                importlib.import_module(module.name)
    own = [kind for kind in errors() if not kind.__module__.startswith("tests.")]
    words = {text for kind in own for text in (kind.message, kind.hint) if text}
    assert words - written().keys() == set()


def test_the_compiled_catalogue_is_that_of_the_text() -> None:
    with open(FOLDER / "django.mo", "rb") as file:
        compiled = gettext.GNUTranslations(file)
    for english, german in written().items():
        assert german
        assert compiled.gettext(english) == german


@pytest.mark.parametrize(
    ("asked", "chosen", "language", "title"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "", "de", "Ihre Kameras sehen"),
        ("de", "en", "en", "See your cameras"),
        ("fr", "", "en", "See your"),
    ],
)
def test_a_page_speaks_the_chosen_language_else_the_browsers(
    db: None, asked: str, chosen: str, language: str, title: str
) -> None:
    client = Client(headers={"accept-language": asked})
    if chosen:
        client.cookies["django_language"] = chosen
    page = client.get("/sign-in/").content.decode()
    assert f'<html lang="{language}">' in page
    assert title in page


def test_errors_over_http_are_said_in_the_readers_language(cast: Cast) -> None:
    answer = cast.api(None).get("/api/me/", headers={"accept-language": "de"})
    assert answer.json()["message"] == "Sie sind hier nicht angemeldet."
    assert answer.json()["code"] == "token_invalid"


async def test_errors_in_the_room_are_said_in_the_readers_language(transactional_db: None) -> None:
    peer = await Peer(url_origin() | {"Cookie": "django_language=de"}).connect()
    await peer.say(Chat(text="early"))
    assert (await peer.hear(Error)).message.startswith("Die erste Nachricht muss hello sein")
    await peer.hear_close()
