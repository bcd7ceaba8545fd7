"""Review: what the policy approves by itself, and the queue of what waits for a person."""
