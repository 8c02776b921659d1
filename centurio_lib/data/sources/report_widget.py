"""The widget that sorts and filters tables of the report. No data comes from it."""

from centurio_lib.data.source import Source

SOURCE = Source(
    name="report widget", kind="report", origin="Tabulator", licence="MIT", use="tables of the report",
    packages={"tabulator-tables": "tables of the report that sort and filter (no data)"})
