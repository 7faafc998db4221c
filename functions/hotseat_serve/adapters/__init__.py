"""Adapters: API Gateway events, ASGI and FastAPI to requests and back."""
