"""Products: read a feed, name every reject, resolve the vendor photos, find the products without images."""
