"""Accounts: people, sign-in, tokens."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People and how they get in."""

    name = "accounts"
    verbose_name = "People"
