"""A client of the Lambda Runtime API that also streams answers."""
