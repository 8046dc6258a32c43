"""Which tests force the violation of which claim."""
