"""The error of everything that stops a deployment."""


class DeploymentError(Exception):
    """The deployment file, or what it asks for, cannot be deployed."""
