"""Sizewise: an OpenAI-compatible gateway that sends each request to the smallest model that is big enough."""

__version__ = "0.1.0"
