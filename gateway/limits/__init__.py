"""How much one caller may ask, and how much all together (SEC7, P13)."""
