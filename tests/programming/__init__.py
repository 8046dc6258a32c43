"""Writing to boards, against stand-in programmers, and finding what is missing, on machines that are made up."""
