"""The admin's last word: pages that need several parts take the place of those that know only one."""

from django.contrib import admin

from accounts.models import User
from cameras.models import Camera
from ucam.operator.cameras import OperatorCameras
from ucam.operator.people import OperatorPeople

admin.site.unregister(Camera)
admin.site.register(Camera, OperatorCameras)
admin.site.unregister(User)
admin.site.register(User, OperatorPeople)
