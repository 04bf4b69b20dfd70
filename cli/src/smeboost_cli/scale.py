"""How much sample data a demo has; a module of its own because the command line needs it before anything heavy."""

from typing import Literal

Scale = Literal["small", "large"]
