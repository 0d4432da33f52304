"""A branch of the settings tree."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A branch of the tree: immutable, and no unknown key passes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
