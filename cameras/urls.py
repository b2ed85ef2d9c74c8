"""Addresses of cameras, places, alerts, messages and enrolment, below /api/."""

from django.urls import include, path

from cameras import api, guests
from cameras.enrolment.doors import ArrivalView

urlpatterns = [
    path("", include("cameras.notices.urls")),
    path("guest/", guests.OpenView.as_view()),
    path("guests/", guests.GuestsView.as_view()),
    path("guests/<int:number>/", guests.GuestView.as_view()),
    path("me/", api.MeView.as_view()),
    path("locations/", api.LocationsView.as_view()),
    path("cameras/", api.CamerasView.as_view()),
    path("cameras/<str:jid>/", api.CameraView.as_view()),
    path("cameras/<str:jid>/arrival/", ArrivalView.as_view()),
    path("peers/", api.PeersView.as_view()),
    path("alerts/", api.AlertsView.as_view()),
    path("alerts/<int:number>/picture.jpg", api.PictureView.as_view()),
    path("alerts/<int:number>/claim/", api.ClaimView.as_view()),
    path("messages/", api.MessagesView.as_view()),
    path("device/enrol/", api.EnrolView.as_view()),
    path("device/ice/", api.IceView.as_view()),
]
