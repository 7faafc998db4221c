"""API Gateway and Lambda on loopback: routes, keys, limits and running images."""
