"""Addresses of notifications, below /api/."""

from django.urls import path

from cameras.notices import doors

urlpatterns = [
    path("notices/", doors.NoticesView.as_view()),
    path("notices/channels/", doors.ChannelsView.as_view()),
    path("notices/channels/<int:number>/", doors.ChannelView.as_view()),
    path("notices/channels/<int:number>/test/", doors.TestView.as_view()),
]
