"""The lake (tables, images, part logs) and the warehouse (what other systems read)."""
