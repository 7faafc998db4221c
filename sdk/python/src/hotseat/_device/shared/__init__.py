"""Copies of the service's modules that write texts: `make shared` writes them."""
