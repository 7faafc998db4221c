"""How a version of kind retrieval keeps the documents that it searches."""

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError
from hotseat_registry.json_dataclass import JsonDataclass

VECTOR_TYPES = ("FP32", "FP16")


@dataclass(frozen=True, slots=True)
class Retrieval(JsonDataclass):
    """Vectors of documents, and what an answer says of each.

    A query's embedding is compared with all vectors by their cosine.
    """

    count: int
    """The number of documents."""
    size: int
    """The numbers of one vector."""
    vectors: str = "vectors.data"
    """The file of the vectors [count, size], each of length 1: little-endian numbers,
    row by row, and nothing else."""
    datatype: str = "FP32"
    """FP32 or FP16."""
    documents: str = "documents.json"
    """The file of the documents: an object with ``ids``, ``texts`` and ``metadata``
    (lists by field), each with `count` values."""
    top_k: int = 5
    """Documents of an answer, unless a request says otherwise."""

    def __post_init__(self) -> None:
        """Check the numbers; raises `IntegrityError`."""
        if min(self.count, self.size, self.top_k) < 1:
            raise IntegrityError("retrieval: count, size and top_k are 1 or more")
        if self.datatype not in VECTOR_TYPES:
            raise IntegrityError(
                f"retrieval: datatype is one of {', '.join(VECTOR_TYPES)}"
            )

    @property
    def bytes(self) -> int:
        """The size of the file of vectors."""
        return self.count * self.size * (4 if self.datatype == "FP32" else 2)
