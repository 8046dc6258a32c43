"""Evidence: statements, certificates, records and the folder that holds them, parsed strictly."""
