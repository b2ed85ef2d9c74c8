"""Addresses below /install/."""

from django.urls import path

from cameras.enrolment import doors, imager

urlpatterns = [
    path("", doors.hand_over, name="hand-over"),
    path("ucam.sh", doors.script),
    path("agent.json", doors.agent),
    path("wheels/", doors.index),
    path("files/<str:name>", doors.file),
    path("cards/<str:shelf>/<str:name>", imager.card),
]
