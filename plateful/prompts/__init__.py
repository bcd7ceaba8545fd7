"""Prompts: dish vocabulary, versioned templates, the fidelity contract with its rubric, and the writer of render requests."""
