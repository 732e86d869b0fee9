"""The outermost room: HTTP requests and command lines in, calls of the other rooms out."""

from api.http import create_app
from api.settings import Settings

__all__ = ["Settings", "create_app"]
