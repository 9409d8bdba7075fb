"""How a single value says that it does not fit: an error that pydantic carries to the translator."""

from pydantic_core import PydanticCustomError

from pillion.topology.finding import Code


def unfit(code: Code, message: str, hint: str = "") -> PydanticCustomError:
    """Make the error for a validator to raise; `message` and `hint` as in Finding."""
    return PydanticCustomError(code, message, {"template": message, "hint": hint, "written": "this value"})
