"""Passkeys: added, renamed, removed; a link alone opens nothing for who has one; each wrong answer is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import cbor2
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts import ceremonies, passkey_api
from accounts.ceremonies import Answered, Asked
from accounts.errors import PasskeyRefused, UcamError
from accounts.models import AuditEntry, Ceremony, Passkey, Session, User
from accounts.sign_in import complete, make_link, redeem
from accounts.tasks import forget_expired
from tests.accounts.authenticator import PRESENT, Authenticator, Json, b64, unb64
from tests.accounts.test_sign_in import link_of
from tests.conftest import Cast

SITE = "https://cameras.example.com"


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    """Browsers have passkeys for names, over https."""
    settings.UCAM_URL, settings.TLS = SITE, True


def device(**wrong: Any) -> Authenticator:
    return Authenticator(**{"origin": SITE, **wrong})


def post(api: APIClient, path: str, body: Json | None = None, status: int = 200) -> Json:
    answer: Any = api.post(path, body or {}, format="json")
    assert answer.status_code == status, answer.content
    return dict(answer.json()) if answer.content else {}


def register(api: APIClient, key: Authenticator, proof: Json | None = None, name: str = "Phone") -> Json:
    asked = post(api, "/api/passkeys/options/", {"proof": proof})
    made = {"ticket": asked["ticket"], "credential": key.create(asked["options"]), "name": name}
    return post(api, "/api/passkeys/", made, 201)


def prove(api: APIClient, key: Authenticator) -> Json:
    asked = post(api, "/api/passkeys/proof/")
    return {"ticket": asked["ticket"], "credential": key.get(asked["options"])}


def ask(person: User) -> Json:
    """The answer to a redeemed link."""
    return post(APIClient(), "/api/token/", {"link": link_of(make_link(person))}, 202)


def begun(person: User) -> Asked:
    """The same without HTTP."""
    asked = redeem(link_of(make_link(person)), "tests")
    assert isinstance(asked, Asked)
    return asked


def give(asked: Json, key: Authenticator) -> Json:
    return {"ticket": asked["ticket"], "credential": key.get(asked["options"])}


def refused(body: Json, code: str, path: str = "/api/token/passkey/", api: APIClient | None = None) -> None:
    answer = (api or APIClient()).post(path, body, format="json")
    assert (answer.json().get("code"), answer.status_code >= 400) == (code, True)


def trail(person: User) -> list[tuple[str, str]]:
    rows = AuditEntry.objects.filter(subject=str(person.jid)).order_by("pk")
    return [(row.action, row.details.get("done", row.details.get("passkey", ""))) for row in rows]


# ---------------------------------------------------------------- signing in


def test_link_and_passkey_together_sign_in_and_open_the_admin(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    tokens = post(APIClient(), "/api/token/passkey/", give(ask(cast.alice), key))
    operator = APIClient()
    operator.credentials(HTTP_AUTHORIZATION=f"Bearer {tokens['access']}")
    assert operator.get("/api/me/").json()["jid"] == "alice@example.com"
    assert operator.post("/api/admin-session/").status_code == 204
    operator.credentials()
    assert operator.get("/admin/cameras/camera/").status_code == 200


def test_a_link_alone_gives_no_session_to_who_has_a_passkey(cast: Cast) -> None:
    register(cast.api(cast.alice), device())
    before = Session.objects.count()
    asked = ask(cast.alice)
    assert set(asked) == {"ticket", "options", "expires_at"}
    assert Session.objects.count() == before
    assert asked["options"]["userVerification"] == "preferred"
    assert asked["options"]["rpId"] == "cameras.example.com"


def test_a_passkey_alone_gives_no_session(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    asked = {"ticket": "made up", "options": {"challenge": "AAAA", "rpId": "cameras.example.com"}}
    refused(give(asked, key), "passkey_over")


def test_who_has_none_signs_in_by_the_link_as_before(cast: Cast) -> None:
    register(cast.api(cast.alice), device())
    assert post(APIClient(), "/api/token/", {"link": link_of(make_link(cast.bob))})["access"]


def test_the_same_answer_does_not_sign_in_twice(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    given_ = give(ask(cast.alice), key)
    post(APIClient(), "/api/token/passkey/", given_)
    refused(given_, "passkey_over")


def test_a_challenge_is_bound_to_its_own_link(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    one, other = ask(cast.alice), ask(cast.alice)
    refused({"ticket": other["ticket"], "credential": key.get(one["options"])}, "passkey_refused")
    refused(give(other, key), "passkey_over")  # used up by the wrong answer
    post(APIClient(), "/api/token/passkey/", give(one, key))


def test_an_old_challenge_is_over(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    asked = ask(cast.alice)
    Ceremony.objects.update(created_at=timezone.now() - Ceremony.LIFE)
    refused(give(asked, key), "passkey_over")


def test_who_may_not_sign_in_any_more_cannot_finish(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    asked = ask(cast.alice)
    User.objects.filter(pk=cast.alice.pk).update(is_active=False)
    refused(give(asked, key), "passkey_over")


WRONG: dict[str, Callable[[Authenticator], None]] = {
    "another origin": lambda key: setattr(key, "origin", "https://cameras.example.com.evil.example"),
    "plain http": lambda key: setattr(key, "origin", "http://cameras.example.com"),
    "a frame in another page": lambda key: setattr(key, "cross_origin", True),
    "another rp": lambda key: setattr(key, "rp_id", "evil.example"),
    "nobody touched it": lambda key: setattr(key, "flags", 0),
    "another person's handle": lambda key: setattr(key, "user_handle", b"somebody else"),
    "another key under its name": lambda key: key.__post_init__(),
    "a credential that nobody has": lambda key: setattr(key, "credential_id", b"unknown"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_answer_is_refused_written_down_and_uses_the_challenge_up(cast: Cast, wrong: str) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    asked, before = ask(cast.alice), Session.objects.count()
    WRONG[wrong](key)
    refused(give(asked, key), "passkey_refused")
    refused(give(asked, key), "passkey_over")
    assert Session.objects.count() == before
    assert trail(cast.alice) == [("passkey", "added"), ("passkey", "asked"), ("passkey", "refused")]


def test_another_persons_passkey_is_refused(cast: Cast) -> None:
    hers, his = device(), device()
    register(cast.api(cast.alice), hers)
    register(cast.api(cast.bob), his)
    refused(give(ask(cast.alice), his), "passkey_refused")


def test_presence_without_verification_is_enough(cast: Cast) -> None:
    key = device(flags=PRESENT)
    register(cast.api(cast.alice), key)
    assert post(APIClient(), "/api/token/passkey/", give(ask(cast.alice), key))["access"]


def test_a_counter_that_goes_back_is_refused_and_the_real_key_goes_on(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    post(APIClient(), "/api/token/passkey/", give(ask(cast.alice), key))
    key.count -= 1  # a copy made before the last use
    refused(give(ask(cast.alice), key), "passkey_copied")
    assert post(APIClient(), "/api/token/passkey/", give(ask(cast.alice), key))["access"]


def test_a_key_that_counted_and_says_nought_is_refused(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    key.count, key.counts = 0, False
    refused(give(ask(cast.alice), key), "passkey_copied")


def test_a_synced_passkey_without_a_counter_works_again_and_again(cast: Cast) -> None:
    key = device(counts=False)
    register(cast.api(cast.alice), key)
    for _ in range(3):
        assert post(APIClient(), "/api/token/passkey/", give(ask(cast.alice), key))["access"]
    assert Passkey.objects.get().used_at is not None


def test_fifty_answers_at_once_make_exactly_one_session(lasting_cast: Cast) -> None:
    key = device(counts=False)
    register(lasting_cast.api(lasting_cast.alice), key)
    asked = ask(lasting_cast.alice)
    answered = Answered(asked["ticket"], key.get(asked["options"]))
    before, barrier, answers = Session.objects.count(), threading.Barrier(50), list[str]()

    def try_it() -> None:
        barrier.wait()
        try:
            complete(answered, "race")
            answers.append("in")
        except UcamError as error:
            answers.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=try_it) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == ["in"] + ["passkey_over"] * 49
    assert Session.objects.count() == before + 1


MADE_UP = hypothesis_settings(
    derandomize=True, database=None, deadline=None, max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
FORMATS = ["none", "packed", "tpm", "apple", "fido-u2f", "android-key", "android-safetynet", "other", 1]
PARTS = ["alg", "sig", "x5c", "ver", "certInfo", "pubArea", "response", "other"]


def anything() -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers(-300, 300) | st.text(max_size=8) | st.binary(max_size=80),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=6,
    )


def as_json(value: Any) -> Any:
    """Bytes as a browser would write them."""
    if isinstance(value, dict):
        return {key: as_json(each) for key, each in value.items()}
    return (
        [as_json(each) for each in value]
        if isinstance(value, list)
        else b64(value)
        if isinstance(value, bytes)
        else value
    )


@MADE_UP
@given(data=st.data())
def test_whatever_answers_for_a_passkey_is_refused_in_words(cast: Cast, data: st.DataObject) -> None:
    if not Passkey.objects.exists():
        register(cast.api(cast.alice), device())
    asked = begun(cast.alice)
    made = device(credential_id=unb64(Passkey.objects.get().credential_id)).get(asked.options)
    part = data.draw(st.sampled_from(["id", "rawId", "type", "response", *made["response"]]))
    (made["response"] if part in made["response"] else made)[part] = as_json(data.draw(anything()))
    with pytest.raises(PasskeyRefused):
        complete(Answered(asked.ticket, made), "made up")


@MADE_UP
@given(data=st.data())
def test_whatever_is_told_of_a_new_passkey_ends_in_words(cast: Cast, data: st.DataObject) -> None:
    session = Session.objects.begin(cast.alice, "made up", timezone.now())[0]
    asked = ceremonies.offer(cast.alice, session, None, timezone.now())
    made = device().create(asked.options)
    if data.draw(st.booleans()):
        told = cbor2.loads(unb64(made["response"]["attestationObject"]))
        told["fmt"] = data.draw(st.sampled_from(FORMATS))
        told["attStmt"] = data.draw(st.dictionaries(st.sampled_from(PARTS), anything(), min_size=1))
        told["authData"] = data.draw(st.just(told["authData"]) | st.binary(max_size=200))
        made["response"]["attestationObject"] = b64(cbor2.dumps(told))
    else:
        part = data.draw(st.sampled_from(["id", "rawId", "type", "response", "clientDataJSON", "attestationObject"]))
        (made["response"] if part in made["response"] else made)[part] = as_json(data.draw(anything()))
    with suppress(PasskeyRefused):  # an empty statement with a word too many is as good as none
        ceremonies.add(session, Answered(asked.ticket, made), "Phone", timezone.now())
    Passkey.objects.all().delete()


# ---------------------------------------------------------------- a person's own passkeys


def test_passkeys_are_listed_by_name_and_last_use_and_renamed(cast: Cast) -> None:
    key, api = device(), cast.api(cast.alice)
    number = register(api, key)["id"]
    post(APIClient(), "/api/token/passkey/", give(ask(cast.alice), key))
    assert api.patch(f"/api/passkeys/{number}/", {"name": "Old phone"}).status_code == 204
    listed = api.get("/api/passkeys/").json()
    assert listed["possible"] is True
    assert [(one["id"], one["name"]) for one in listed["passkeys"]] == [(number, "Old phone")]
    assert listed["passkeys"][0]["used_at"]


def test_the_first_passkey_ends_the_sign_ins_that_a_link_alone_gave(cast: Cast) -> None:
    thief, owner = cast.api(cast.alice), cast.api(cast.alice)
    assert register(owner, device())["signed_out"] == 1
    assert thief.get("/api/me/").status_code == 401
    assert owner.get("/api/me/").status_code == 200


def test_a_second_passkey_needs_the_first_one(cast: Cast) -> None:
    first, second, api = device(), device(), cast.api(cast.alice)
    register(api, first)
    refused({}, "passkey_needed", "/api/passkeys/options/", api)
    refused({"proof": prove(api, second)}, "passkey_refused", "/api/passkeys/options/", api)
    register(api, second, prove(api, first), "Key")
    assert post(APIClient(), "/api/token/passkey/", give(ask(cast.alice), second))["access"]


def test_a_ceremony_begun_before_the_first_passkey_adds_no_second(cast: Cast) -> None:
    api = cast.api(cast.alice)
    early = post(api, "/api/passkeys/options/")
    register(api, device())
    late = {"ticket": early["ticket"], "credential": device().create(early["options"]), "name": "Thief's"}
    refused(late, "passkey_needed", "/api/passkeys/", api)
    assert Passkey.objects.count() == 1


def test_removing_needs_a_passkey_used_just_then(cast: Cast) -> None:
    key, api = device(), cast.api(cast.alice)
    path = f"/api/passkeys/{register(api, key)['id']}/remove/"
    refused({}, "passkey_needed", path, api)
    refused({"proof": give(ask(cast.alice), key)}, "passkey_over", path, api)  # an answer for something else
    proof = prove(api, key)
    refused({"proof": proof}, "passkey_over", path, cast.api(cast.alice))  # another sign-in of the same person
    post(api, path, {"proof": proof}, 204)
    assert post(APIClient(), "/api/token/", {"link": link_of(make_link(cast.alice))})["access"]


def test_a_proof_works_once(cast: Cast) -> None:
    key, api = device(), cast.api(cast.alice)
    register(api, key)
    proof = prove(api, key)
    post(api, "/api/passkeys/options/", {"proof": proof})
    refused({"proof": proof}, "passkey_over", "/api/passkeys/options/", api)


@pytest.mark.parametrize("wrong", ["another origin", "plain http", "a frame in another page", "another rp"])
def test_a_passkey_made_elsewhere_is_not_kept(cast: Cast, wrong: str) -> None:
    api, key = cast.api(cast.alice), device()
    asked = post(api, "/api/passkeys/options/")
    WRONG[wrong](key)
    made = {"ticket": asked["ticket"], "credential": key.create(asked["options"]), "name": "Phone"}
    refused(made, "passkey_refused", "/api/passkeys/", api)
    assert not Passkey.objects.exists()


def test_the_same_passkey_is_kept_once_whoever_brings_it(cast: Cast) -> None:
    key = device()
    register(cast.api(cast.alice), key)
    api = cast.api(cast.bob)
    asked = post(api, "/api/passkeys/options/")
    made = {"ticket": asked["ticket"], "credential": key.create(asked["options"]), "name": "Hers"}
    refused(made, "passkey_known", "/api/passkeys/", api)


def test_somebody_elses_passkey_does_not_exist(cast: Cast) -> None:
    number = register(cast.api(cast.alice), device())["id"]
    api = cast.api(cast.bob)
    assert api.get("/api/passkeys/").json()["passkeys"] == []
    for answer in (
        api.patch(f"/api/passkeys/{number}/", {"name": "Mine"}),
        api.post(f"/api/passkeys/{number}/remove/", {}, format="json"),
    ):
        assert answer.status_code == 404


def test_twenty_passkeys_are_enough(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ceremonies, "EACH_MAX", 1)
    key, api = device(), cast.api(cast.alice)
    register(api, key)
    refused({"proof": prove(api, key)}, "too_many", "/api/passkeys/options/", api)


def test_the_doors_are_closed_to_who_knocks_too_often(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passkey_api.PasskeyThrottle, "rate", "3/min")
    api = cast.api(cast.alice)
    statuses = [api.post("/api/passkeys/options/", {}, format="json").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


@pytest.mark.parametrize(
    ("url", "possible", "origin"),
    [
        ("https://cameras.example.com", True, "https://cameras.example.com"),
        ("https://Cameras.Example.com:443", True, "https://cameras.example.com"),
        ("https://cameras.example.com:8443", True, "https://cameras.example.com:8443"),
        ("http://cameras.example.com", False, "http://cameras.example.com"),
        ("http://localhost:8000", True, "http://localhost:8000"),
        ("http://127.0.0.1:8000", False, "http://127.0.0.1:8000"),
        ("https://192.168.1.9", False, "https://192.168.1.9"),
    ],
)
def test_passkeys_are_offered_where_browsers_have_them(
    cast: Cast, settings: Any, url: str, possible: bool, origin: str
) -> None:
    settings.UCAM_URL, settings.TLS = url, url.startswith("https")
    assert (ceremonies.possible(), ceremonies.origin()) == (possible, origin)
    answer = cast.api(cast.alice).post("/api/passkeys/options/", {}, format="json")
    assert answer.status_code == (200 if possible else 409)


# ---------------------------------------------------------------- lost ones


def test_somebody_with_a_shell_lets_them_in_again(cast: Cast) -> None:
    register(cast.api(cast.alice), device())
    said = StringIO()
    call_command("remove_passkeys", "ALICE@example.com", stdout=said)
    assert said.getvalue() == "Removed: Phone.\n"
    assert post(APIClient(), "/api/token/", {"link": link_of(make_link(cast.alice))})["access"]
    assert ("passkey", "removed") in trail(cast.alice)
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("remove_passkeys", "nobody@example.com")


def test_another_operator_removes_them_in_the_admin_one_alone_cannot(cast: Cast, client: Client) -> None:
    number = register(cast.api(cast.alice), device())["id"]
    path = f"/admin/accounts/passkey/{number}/delete/"
    client.force_login(cast.alice)
    assert client.post(path, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [number], "post": "yes"}
    client.post("/admin/accounts/passkey/", chosen)
    assert Passkey.objects.exists()
    client.force_login(User.objects.create_user("dora@example.com", is_staff=True, is_superuser=True))
    assert client.post(path, {"post": "yes"}).status_code == 302
    assert not Passkey.objects.exists()
    row = AuditEntry.objects.filter(actor="dora@example.com").get()
    assert (row.subject, row.details["done"]) == ("passkey Phone of alice@example.com", "deleted")


def test_all_that_happens_to_passkeys_stands_in_the_trail(cast: Cast) -> None:
    key, api = device(), cast.api(cast.alice)
    number = register(api, key)["id"]
    api.patch(f"/api/passkeys/{number}/", {"name": "Old phone"})
    post(APIClient(), "/api/token/passkey/", give(ask(cast.alice), key))
    post(api, f"/api/passkeys/{number}/remove/", {"proof": prove(api, key)}, 204)
    done = [("passkey", "added"), ("passkey", "renamed"), ("passkey", "asked"), ("sign_in", "Old phone")]
    assert trail(cast.alice) == [*done, ("passkey", "removed")]


def test_old_ceremonies_are_forgotten(cast: Cast) -> None:
    post(cast.api(cast.alice), "/api/passkeys/options/")
    forget_expired()
    assert Ceremony.objects.exists()
    Ceremony.objects.update(created_at=timezone.now() - timedelta(days=2))
    forget_expired()
    assert not Ceremony.objects.exists()
