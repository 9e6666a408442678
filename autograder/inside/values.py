"""What questions and answers are made of: both ends of the wire check by this what crosses it.

Numbers cross as hexadecimal text: exact, and JSON has neither nan nor inf. Tensors cross beside the
text, which has their positions.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
)
from pydantic_core.core_schema import FieldSerializationInfo
from torch import Tensor

from lab3 import STUDENT_FILES

MEGABYTE = 1 << 20
FILES = tuple(f"lab3/{name}" for name in STUDENT_FILES)
CLASS = re.compile(r"<class '(?:\w+\.)*(\w+)'>")


def as_float(value: Any) -> float:
    """Return the float that hexadecimal text stands for; raise ValueError for anything else."""
    if isinstance(value, float):
        return value
    if not isinstance(value, str) or len(value) > 40:
        raise ValueError("it is no hexadecimal number")
    try:
        return float.fromhex(value)
    except OverflowError:
        raise ValueError("it is larger than any float") from None


def as_tensor(value: Any, info: ValidationInfo) -> Tensor:
    """Return the tensor that stands at a position of the answer's tensors, the context."""
    if isinstance(value, Tensor):
        return value
    if type(value) is not int or info.context is None or not 0 <= value < len(info.context):
        raise ValueError("it is no tensor of this answer")
    tensor: Tensor = info.context[value]
    return tensor


def as_position(tensor: Tensor, info: FieldSerializationInfo) -> int:
    """Put a tensor behind the others of the answer, the context, and return its position."""
    tensors: list[Tensor] = info.context  # type: ignore[assignment]
    tensors.append(tensor)
    return len(tensors) - 1


Text = Annotated[str, Field(max_length=4000)]
Name = Annotated[str, Field(max_length=200)]
Line = Annotated[int, Field(ge=0, le=1_000_000)]
Whole = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Number = Annotated[float, BeforeValidator(as_float), PlainSerializer(float.hex)]
Values = Annotated[Tensor, PlainValidator(as_tensor), PlainSerializer(as_position)]
Dtype = Literal["quint8", "qint8"]
StudentFile = Annotated[str, Field(pattern=f"^({'|'.join(map(re.escape, FILES))})?$")]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class RaisedError(Answer):
    """What student code raised: where, at which stage of an experiment, through which functions."""

    type: Name
    message: Text
    stage: Name
    file: StudentFile
    line: Line
    function: Name
    is_stub: bool
    through: Annotated[list[Name], Field(max_length=16)]
    own: Annotated[
        list[tuple[StudentFile, Line, Name]], Field(max_length=16)
    ] = []  # outermost first

    def __str__(self) -> str:
        """Return type and first sentence: PyTorch's errors go on with lists of its backends.

        A class is told by its name alone.
        """
        lines = CLASS.sub(r"\1", self.message.strip()).splitlines()
        return f"{self.type}: {lines[0].split('. ')[0][:300]}" if lines else self.type


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True)
class Question(Generic[A]):
    """One experiment; its fields are all that it depends on."""

    answer_bytes: ClassVar[int] = 16 * MEGABYTE  # of tensors

    @classmethod
    def model(cls) -> type[A]:
        """Return the model of the answer: what ``Question`` is parametrised with."""
        model: type[A] = get_args(cls.__orig_bases__[0])[0]  # type: ignore[attr-defined]
        return model
