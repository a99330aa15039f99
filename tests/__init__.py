"""Tests: through the front door first, pure functions directly."""
