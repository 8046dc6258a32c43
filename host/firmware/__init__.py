"""Firmware on its way to a chip: images, and updates over the link."""
