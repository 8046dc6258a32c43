"""From a component to a bitstream, one stage in a file: rtlil, synthesis, placement, packing."""
