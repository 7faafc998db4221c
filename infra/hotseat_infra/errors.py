"""What is said when something cannot be deployed."""


class DeploymentError(Exception):
    """The deployment file, or what it asks for, cannot be deployed."""
