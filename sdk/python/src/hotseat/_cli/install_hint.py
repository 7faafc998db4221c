"""What to type for a verb whose package or extra is missing."""

from importlib.metadata import PackageNotFoundError, version

from hotseat._version import __version__


def install_command(extra: str) -> str:
    """Return the pip command for an extra of hotseat-platform.

    An installed platform is named: pip then takes it from no registry. Else the command
    names the wheel beside the SDK's, because nobody owns the name on a registry yet.
    """
    try:
        version("hotseat-platform")
    except PackageNotFoundError:
        wheel = f"hotseat_platform-{__version__}-py3-none-any.whl"
        return f"pip install './{wheel}[{extra}]'"
    return f"pip install 'hotseat-platform[{extra}]'"
