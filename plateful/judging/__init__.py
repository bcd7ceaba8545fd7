"""Whether a picture shows what the record says: the judge answers the lines of the fidelity contract."""
