"""Identification of callers: tokens, keys, administrators, audit."""
