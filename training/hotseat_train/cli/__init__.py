"""The verbs from data to a version, one file each."""
