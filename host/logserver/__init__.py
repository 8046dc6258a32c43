"""Mode (b) of paper 1.4: a server that stores snapshot statements and signs receipts, and the relay that feeds it."""
