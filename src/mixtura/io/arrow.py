"""pyarrow, or the command that installs it."""

from mixtura._errors import MissingDependencyError

try:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.csv as arrow_csv
    import pyarrow.fs as arrow_fs
    import pyarrow.parquet as parquet
except ImportError:
    raise MissingDependencyError(
        "Reading and writing tables needs pyarrow: python -m pip install 'mixtura[app]'"
    ) from None

__all__ = ["arrow_csv", "arrow_fs", "pa", "parquet", "pc"]
