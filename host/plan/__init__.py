"""How many chips must be inspected so that a large training run is caught, and what that costs.

The arithmetic of Shavit 2023, "What does it take to catch a Chinchilla?" (docs/paper.md). `detection`, `strategies`,
`burden` and `chip_cost` are pure functions and need only the base install; scenario files and plots need the
extra `plan`.
"""
