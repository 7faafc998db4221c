"""How good, how fast and how large a variant is; free of files and reports."""
