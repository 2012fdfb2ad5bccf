"""What somebody said about money and was not believed."""
