"""What Plateful measures of itself: declared metrics, measuring points, and the ways out of the process."""
