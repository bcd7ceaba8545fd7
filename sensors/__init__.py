"""Sensors: new menus, review decisions, new model versions, failures."""
