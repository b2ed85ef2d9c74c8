"""Addresses of the room."""

from django.urls import path

from cameras.room.consumer import room_socket

websocket_urlpatterns = [path("ws/room", room_socket)]  # type: ignore[arg-type] # an ASGI application
