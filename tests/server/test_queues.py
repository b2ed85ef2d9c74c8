"""Which worker does what: those who wait for somebody else hold nobody up."""

from __future__ import annotations

import pytest

from ucam import celery_app


@pytest.mark.parametrize("task", ["cameras.tasks.deliver_notice", "storage.tasks.send_letters"])
def test_a_mail_server_that_does_not_answer_holds_up_no_check_of_cameras_or_disk(task: str) -> None:
    def queue(name: str) -> str:
        return str(celery_app.amqp.router.route({}, name)["queue"].name)

    soon = {queue(f"{app}.tasks.{name}") for app, name in [("cameras", "check_cameras"), ("storage", "check_disk")]}
    assert queue(task) not in soon | {queue("storage.tasks.enforce_retention")}
