"""The capacity model: nodes, money and shard size for a number of images a day."""
