"""What a person decides about payments; WeChat Pay is asked first and its word counts, not the person's."""
