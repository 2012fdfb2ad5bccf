"""What WeChat Pay posts to us: verified, recorded once, and taken in one transaction."""
