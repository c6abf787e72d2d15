"""The pipeline itself: the handlers of app.py."""

from __future__ import annotations

from app import app
from app import process as processor

api = app

__all__ = ["api", "processor"]
