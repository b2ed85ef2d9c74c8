"""ASGI: HTTP to Django, the websocket to the room."""

import os

from channels.routing import ProtocolTypeRouter, URLRouter

from ucam.http import application as http_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucam.settings")
http = http_application()

from cameras.room.routing import websocket_urlpatterns  # noqa: E402 - models need the apps that the line above loads

application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})
