"""Hosted image models over HTTP: a module and one wire table per provider, for generating and editing."""
