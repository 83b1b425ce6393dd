"""The kinds of layers that a scenario can name: a new one is a module beside this one, and a name here."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from pydantic import Field

from neurosim.network.layers.activation import ActivateSection
from neurosim.network.layers.avg_pool2d import AvgPool2dSection
from neurosim.network.layers.batch_norm import BatchNormSection
from neurosim.network.layers.concatenation import ConcatenationSection
from neurosim.network.layers.conv2d import Conv2dSection
from neurosim.network.layers.dense import DenseSection
from neurosim.network.layers.dropout import DropoutSection
from neurosim.network.layers.flatten import FlattenSection
from neurosim.network.layers.gated import GatedSection
from neurosim.network.layers.global_avg_pool2d import GlobalAvgPool2dSection
from neurosim.network.layers.group import GroupSection
from neurosim.network.layers.layer_norm import LayerNormSection
from neurosim.network.layers.max_pool2d import MaxPool2dSection
from neurosim.network.layers.maxout import MaxoutSection
from neurosim.network.layers.residual import ResidualSection
from neurosim.network.layers.section import LayerSection, choices_of

# In the order in which they are listed.
AnyLayer = Annotated[
    DenseSection
    | Conv2dSection
    | MaxPool2dSection
    | AvgPool2dSection
    | GlobalAvgPool2dSection
    | BatchNormSection
    | LayerNormSection
    | ActivateSection
    | GatedSection
    | MaxoutSection
    | DropoutSection
    | FlattenSection
    | ResidualSection
    | ConcatenationSection
    | GroupSection,
    Field(discriminator="kind"),
]
for _holder in (ResidualSection, ConcatenationSection, GroupSection):
    _holder.model_rebuild(_types_namespace={"AnyLayer": AnyLayer})

SECTIONS: dict[str, type[LayerSection]] = {
    get_args(section.model_fields["kind"].annotation)[0]: section for section in get_args(get_args(AnyLayer)[0])
}

# Keys of layers that name records, and the catalogs that these are looked up in.
CHOICES: dict[str, str] = {key: catalog for section in SECTIONS.values() for key, catalog in choices_of(section)}


def section_of(table: Any) -> type[LayerSection] | None:
    """The kind of a layer's table as it stands in a file; None where it has none, or an unknown one."""
    kind = table.get("kind")
    return SECTIONS.get(kind) if isinstance(kind, str) else None


def layer_kinds() -> list[tuple[str, list[str], str]]:
    """Each kind of layer: its name, its keys besides ``kind``, and what it does."""
    return [
        (
            kind,
            [key for key in section.model_fields if key != "kind"],
            (section.__doc__ or "").partition("\n")[0].rstrip("."),
        )
        for kind, section in SECTIONS.items()
    ]
