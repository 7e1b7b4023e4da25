"""The errors that mixtura raises on purpose.

::

    MixturaError
    ├── InputError (also ValueError)       data or a parameter cannot be used as given
    │   ├── SingularCovarianceError        a covariance is not positive definite
    │   ├── TableError                     a table file or one of its columns or lines
    │   ├── ModelFileError                 a file that is not a readable mixtura model
    │   └── CheckpointError                a checkpoint that a fit cannot write or go on from
    ├── ClusterError (also ConnectionError)  a Dask cluster was lost, or its workers die
    └── MissingDependencyError (also ImportError)

Every message says what is wrong, where, and what to do about it.
"""


class MixturaError(Exception):
    """Root of the errors that mixtura raises on purpose."""


class InputError(MixturaError, ValueError):
    """Data or a parameter cannot be used as given."""


class SingularCovarianceError(InputError):
    """A covariance is not positive definite: its component has collapsed."""


class TableError(InputError):
    """A table cannot be read, or one of its columns or lines cannot be used."""


class ModelFileError(InputError):
    """A file is not a readable mixtura model."""


class CheckpointError(InputError):
    """A checkpoint cannot be written, or the fit cannot go on from it."""


class ClusterError(MixturaError, ConnectionError):
    """A Dask cluster was lost, or its workers die of what they are asked to do."""


class MissingDependencyError(MixturaError, ImportError):
    """An optional package is needed; the message holds the install command."""
