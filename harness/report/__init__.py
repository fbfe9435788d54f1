"""The report: boards, charts, records and corpus on one self-contained HTML page."""
