"""How people are told of alerts when nobody looks: planned, sent over each channel once, tried again, never lost."""
