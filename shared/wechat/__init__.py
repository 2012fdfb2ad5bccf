"""A thin client of the WeChat mini-program API (`mini`), message push (`push`) and WeChat Pay v3 (`pay`)."""
