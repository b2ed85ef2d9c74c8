"""From a box to a camera: the card's files, the install doors, and how far a new camera has come."""
