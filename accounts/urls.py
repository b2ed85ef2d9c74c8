"""Addresses of sign-in and tokens, below /api/."""

from django.urls import path

from accounts import api, passkey_api

urlpatterns = [
    path("sign-in/", api.SignInView.as_view()),
    path("token/", api.TokenView.as_view()),
    path("token/passkey/", api.TokenPasskeyView.as_view()),
    path("token/refresh/", api.RefreshView.as_view()),
    path("token/revoke/", api.RevokeView.as_view()),
    path("admin-session/", api.AdminSessionView.as_view()),
    path("passkeys/", passkey_api.PasskeysView.as_view()),
    path("passkeys/proof/", passkey_api.ProofView.as_view()),
    path("passkeys/options/", passkey_api.OptionsView.as_view()),
    path("passkeys/<int:number>/", passkey_api.PasskeyView.as_view()),
    path("passkeys/<int:number>/remove/", passkey_api.RemoveView.as_view()),
]
