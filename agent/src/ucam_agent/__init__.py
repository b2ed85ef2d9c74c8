"""The agent of one camera: recorder, live process, supervisor."""

__version__ = "0.1.0"
