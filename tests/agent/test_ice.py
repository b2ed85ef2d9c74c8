"""Text from elsewhere that GStreamer would act on is checked first."""

from __future__ import annotations

import pytest
from ucam_agent.ice import ice_urls, is_answer, is_candidate, profile_level_id
from ucam_protocol import IceServer

ANSWER = (
    "v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
    "a=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\n"
)


def test_servers_are_written_as_webrtcbin_wants_them() -> None:
    servers = [
        IceServer(urls=["stun:stun.example.org", "stun:other.example.org:19302"]),
        IceServer(
            urls=["turn:[fd00::1]:3479?transport=tcp", "turns:turn.example.org"],
            username="1:bob@x",
            credential="a/b+c=",
        ),
    ]
    urls = ice_urls(servers)
    assert urls.stun == "stun://stun.example.org:3478"
    assert urls.turn == (
        "turn://1%3Abob%40x:a%2Fb%2Bc%3D@[fd00::1]:3479?transport=tcp",
        "turns://1%3Abob%40x:a%2Fb%2Bc%3D@turn.example.org:5349",
    )


@pytest.mark.parametrize(
    "url",
    [
        "http://x",
        "stun:",
        "stun:a b",
        "stun:host:99999",
        "turn:host?transport=sctp",
        "turn:u@h",
        "stun:h/../x",
        "file:///etc",
    ],
)
def test_what_is_no_ice_server_is_left_out(url: str) -> None:
    assert ice_urls([IceServer(urls=[url], username="u", credential="c")]) == ice_urls([])


def test_a_turn_server_without_credentials_is_of_no_use() -> None:
    assert ice_urls([IceServer(urls=["turn:turn.example.org"])]).turn == ()


@pytest.mark.parametrize(
    "text",
    [
        "candidate:1 1 UDP 2015363327 192.0.2.2 47758 typ host",
        "candidate:842163049 1 udp 1677729535 198.51.100.7 46154 typ srflx raddr 0.0.0.0 rport 0 ufrag EsAw",
        "candidate:1 1 tcp 1015022079 fd00::2 9 typ host tcptype active",
        "candidate:2 1 udp 2113937151 6d3a9a5e-4a0c-4c0a-8d7b-1f0c7a4e0e5b.local 55000 typ host",
    ],
)
def test_candidates_pass(text: str) -> None:
    assert is_candidate(text)


@pytest.mark.parametrize(
    "text", ["", "candidate:", "a=x", "candidate:1 1 udp 1 h 1 typ host\r\na=evil", "candidate:1 9 udp 1 h 1 typ host"]
)
def test_what_is_no_candidate_does_not(text: str) -> None:
    assert not is_candidate(text)


def test_an_answer_has_one_video_section() -> None:
    assert is_answer(ANSWER)
    assert not is_answer(ANSWER + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n")
    assert not is_answer(ANSWER.replace("m=video", "m=audio"))
    assert not is_answer(ANSWER.replace("a=fingerprint:sha-256 AA\r\n", ""))
    assert not is_answer(ANSWER + "a=\x00\r\n")
    assert not is_answer("")


def test_the_profile_is_read_from_the_sps_behind_an_aud() -> None:
    unit = b"\0\0\0\1\x09\x10\0\0\0\1\x67\x42\xc0\x1f\xda\0\0\1\x68\xce\0\0\1\x65"
    assert profile_level_id(unit) == "42c01f"
    assert profile_level_id(b"\0\0\0\1\x41\x9a") == ""
    assert profile_level_id(b"\0\0\1\x67\x42") == ""
