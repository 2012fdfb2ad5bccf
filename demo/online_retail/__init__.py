"""The goods of the public "Online Retail" data set, in the columns of the catalogue import."""
