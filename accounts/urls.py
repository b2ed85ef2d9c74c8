"""Addresses of sign-in and tokens, below /api/."""

from django.urls import path

from accounts import api

urlpatterns = [
    path("sign-in/", api.SignInView.as_view()),
    path("token/", api.TokenView.as_view()),
    path("token/refresh/", api.RefreshView.as_view()),
    path("token/revoke/", api.RevokeView.as_view()),
    path("admin-session/", api.AdminSessionView.as_view()),
]
