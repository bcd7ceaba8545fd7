"""What people read: the summary whose counts add up, the HTML contact sheet, small picture grids."""
