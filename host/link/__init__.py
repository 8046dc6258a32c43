"""The host link: transports behind one interface, SMP framing, and requests with bounded waits."""
