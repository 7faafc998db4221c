"""The commands on a registry, one file a group of verbs."""
