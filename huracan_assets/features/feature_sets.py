"""Feature sets: the ordered features a model is trained on and the recipe that makes them, pinned by name and hash.

`baseline@<hash>` names one for good: the hash is that of the content, so the name can be pinned again for another
content without a word about the first becoming false.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from huracan_assets.errors import FeatureSetMismatch
from huracan_assets.features.recipe import FEATURE_NAMES, recipe_hash
from huracan_assets.resources.lake import content_hash

BASELINE = "baseline"
"""The set that the nightly Brains are trained on."""

SET_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
SHOWN = 12  # digits of a hash that a reader is shown


class FeatureSet(BaseModel):
    """Features in the order of a model's columns, and the recipe they are made by."""

    model_config = ConfigDict(frozen=True)
    name: Annotated[str, StringConstraints(pattern=f"^{SET_NAME.pattern}$")]
    recipe_sha256: str
    names: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """Hash of the features, their order and their recipe; the name has no part in it."""
        return content_hash({"names": self.names, "recipe_sha256": self.recipe_sha256})

    @property
    def reference(self) -> str:
        """`name@<hash>`, as manifests and Brains write it down."""
        return f"{self.name}@{self.sha256}"

    @property
    def short(self) -> str:
        """`reference` with as much of the hash as a reader needs."""
        return f"{self.name}@{self.sha256[:SHOWN]}"

    def refuse_unless(self, made: FeatureSet, what: str) -> None:
        """Refuse to ask a model that stands on this set about features of another.

        Args:
            made: the set that this engine makes.
            what: the model, for the message.

        Raises:
            FeatureSetMismatch: the features, their order or their recipe differ; the message names both sets.
        """
        if self.sha256 != made.sha256:
            raise FeatureSetMismatch(
                f"{what} was trained on {self.short} (recipe {self.recipe_sha256[:SHOWN]}), this engine makes "
                f"{made.short} (recipe {made.recipe_sha256[:SHOWN]}): train it again, or run the code of its recipe. "
                f"`huracan features diff {self.short} {made.short}` tells what differs"
            )


def engine_set(name: str = BASELINE) -> FeatureSet:
    """The features that this engine makes, all of them."""
    return FeatureSet(name=name, recipe_sha256=recipe_hash(), names=FEATURE_NAMES)
