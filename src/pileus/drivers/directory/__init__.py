"""Directories of people that somebody else keeps."""
