"""A faithful server of the WeChat mini-program API and of WeChat Pay v3, with books and rules of its own."""
