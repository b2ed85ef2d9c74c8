"""The lights on the camera: a grammar of patterns, what the camera's files say, and the LEDs that show it."""
