"""HTTP: the data plane as raw ASGI endpoints, the admin plane as FastAPI routes, wire formats and error envelopes."""
