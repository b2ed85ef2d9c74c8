"""Settings of the control in test_asking.py: whoever asks for a link waits until it is mailed."""

from ucam.settings import *  # noqa: F403

CELERY_TASK_ALWAYS_EAGER = True
