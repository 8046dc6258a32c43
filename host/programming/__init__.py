"""Writing builds to boards through openFPGALoader and dfu-util, and finding out what is missing for that."""
