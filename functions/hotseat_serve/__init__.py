"""Serve the models of a registry over HTTP."""
