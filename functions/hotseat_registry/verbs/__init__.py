"""The registry's part of the command `hotseat`."""
