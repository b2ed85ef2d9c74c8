"""Addresses: the admin, the API, the pages, operations."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view()),
    path("api/", include("accounts.urls")),
    path("api/", include("cameras.urls")),
    path("api/", include("storage.urls")),
    path("install/", include("cameras.enrolment.urls")),
    path("", include("ucam.operations")),
    path("", include("ucam.pages")),
]
