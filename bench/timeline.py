"""Pages and tasks over a ledger of ten cameras, three years beside one: coverage, seek, month, playlist, the tasks."""

from __future__ import annotations

import random
import time
import urllib.parse
import urllib.request
from contextlib import ExitStack
from datetime import UTC, datetime

from bench.harness import UCAM, Row, Samples, report, rounds
from bench.measure.contestants import scratch
from bench.measure.ledger import CAMERAS, DAY_MS, Ledger, ledger, tasks

ONE_YEAR = "one year"
YEARS = {UCAM: 3.0, ONE_YEAR: 1.0}
PAGES = {"coverage of a day": 30, "seek": 30, "month": 30, "playlist of 24 hours, cold": 50, "warm": 50}


def get(place: Ledger, camera: int, what: str, **query: str) -> float:
    """Milliseconds of a whole answer."""
    url = f"{place.url}/api/cameras/cam{camera:03d}@studio.loc/{what}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {place.access}"})
    begun_s = time.perf_counter()
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
    return (time.perf_counter() - begun_s) * 1000


def text(ms: float) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")


def one_round(place: Ledger, chance: random.Random, number: int, samples: dict[str, Samples], name: str) -> None:
    """Each page once: a random day of the last year; playlists of the newest days, whose index is whole."""
    camera = chance.randint(1, CAMERAS)
    day = place.ended_ms - chance.randint(3, 360) * DAY_MS
    moment = place.ended_ms - chance.randint(3600_000, 2 * DAY_MS)
    took = {
        "coverage of a day": get(place, camera, "coverage/", **{"from": text(day), "to": text(day + DAY_MS)}),
        "month": get(place, camera, "days/", month=text(day)[:7]),
        "seek": get(place, camera, "playlist.m3u8", **{"from": text(moment), "to": text(moment + 600_000)}),
    }
    # Another second each time is another first and last chunk only; another camera is another day altogether.
    begin = place.ended_ms - DAY_MS - 1000 * number
    whole = {"from": text(begin), "to": text(begin + DAY_MS)}
    camera = number % CAMERAS + 1
    took["playlist of 24 hours, cold"] = get(place, camera, "playlist.m3u8", **whole)
    took["warm"] = get(place, camera, "playlist.m3u8", **whole)
    for page, ms in took.items():
        samples[page][name].append(ms)


def main() -> None:
    count = rounds(200, 10)
    samples: dict[str, Samples] = {page: {name: [] for name in YEARS} for page in PAGES}
    with scratch() as folder, ExitStack() as stack:
        places = {name: stack.enter_context(ledger(folder, years)) for name, years in YEARS.items()}
        for name, place in places.items():
            get(place, 1, "coverage/", **{"from": text(place.ended_ms - DAY_MS), "to": text(place.ended_ms)})
            print(f"{name}: {(place.ended_ms - place.began_ms) / DAY_MS:.0f} days of {CAMERAS} cameras", flush=True)
        for number in range(count):
            chance = random.Random(number)
            for name in sorted(places, reverse=number % 2 == 1):
                one_round(places[name], random.Random(chance.random()), number, samples, name)
        worked = {name: tasks(folder, years) for name, years in YEARS.items()}
    rows = [
        Row(page, "ms", samples[page], f"p95 <= {ms} ms; three years <= 1.2 times one",
            at_most={"p95": ms, "ratio": 1.2}, note="over HTTP, by daphne alone")
        for page, ms in PAGES.items()
    ]  # fmt: skip
    for task in worked[UCAM]:
        values = {name: [worked[name][task] * 1000] for name in YEARS}
        rows.append(Row(f"task: {task}", "ms", values, "three years <= 1.2 times one", at_most={"ratio": 1.2}))
    report("timeline", rows)


if __name__ == "__main__":
    main()
