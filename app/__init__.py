"""The server: doors, settings, and the way in."""
