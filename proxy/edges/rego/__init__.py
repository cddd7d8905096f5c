"""The two engines of the hard rules, and the policies that are live."""
