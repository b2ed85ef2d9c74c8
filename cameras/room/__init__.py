"""The room: everyone who is connected, and what they say to each other; never media."""
