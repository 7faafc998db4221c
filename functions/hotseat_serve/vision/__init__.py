"""Regions of a picture and the text in them, from what networks for that put out."""
