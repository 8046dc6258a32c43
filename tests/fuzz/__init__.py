"""Fuzzing of what takes bytes from outside: both frame decoders, requests, images, uploads, countersignatures,
bitstreams."""
