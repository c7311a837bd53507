"""The types of kernels' arguments: arrays for mypy and for the compiler at once, and how a structure is taken apart.

A parameter is a bool (boolean), an int (int64), a float (float64), one of the arrays below (writeable, C-contiguous,
aligned) or a NamedTuple of those.
"""

from typing import Annotated, Any, NamedTuple, get_origin

import numpy as np
from numpy.typing import NDArray


class Array(NamedTuple):
    """Items and dimensions of an array."""

    dtype: str
    dimensions: int


Bytes = Annotated[NDArray[np.uint8], Array("uint8", 1)]
Int8s = Annotated[NDArray[np.int8], Array("int8", 1)]
Int32s = Annotated[NDArray[np.int32], Array("int32", 1)]
Int64s = Annotated[NDArray[np.int64], Array("int64", 1)]
Float32s = Annotated[NDArray[np.float32], Array("float32", 1)]
Float64s = Annotated[NDArray[np.float64], Array("float64", 1)]
Int16Table = Annotated[NDArray[np.int16], Array("int16", 2)]
Int64Table = Annotated[NDArray[np.int64], Array("int64", 2)]
Float64Table = Annotated[NDArray[np.float64], Array("float64", 2)]


def array_of(annotation: Any) -> Array | None:
    """What an array's annotation says; None for a scalar."""
    return annotation.__metadata__[0] if get_origin(annotation) is Annotated else None


def is_structure(annotation: Any) -> bool:
    """Whether the annotation is a NamedTuple."""
    return isinstance(annotation, type) and issubclass(annotation, tuple)


def leaves(annotation: Any) -> list[Any]:
    """The annotations of a structure's fields in order; of anything else itself."""
    return list(annotation.__annotations__.values()) if is_structure(annotation) else [annotation]
