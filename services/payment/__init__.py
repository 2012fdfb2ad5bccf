"""The payment service: collecting and giving back money through WeChat Pay, and the cash books."""
