"""The commands from data to a version, one file a verb."""
