"""A shop day's bills of WeChat Pay compared with our books, row by row (PY-09, M7)."""
