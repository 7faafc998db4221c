"""The error of everything that stops a deployment."""


class DeploymentError(Exception):
    """The deployment file, or something in it, cannot be deployed."""
