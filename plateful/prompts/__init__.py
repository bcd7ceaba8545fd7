"""Prompts: dish vocabulary, versioned templates, fidelity contract with rubric, request writer."""
