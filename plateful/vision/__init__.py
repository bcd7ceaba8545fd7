"""What can be seen in a picture: opening it safely, text, people, the subject and its mask, measures."""
