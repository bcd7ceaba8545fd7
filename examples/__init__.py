"""The sample feed and the script that draws its photos."""
