"""Autoregressive models of level maps."""
