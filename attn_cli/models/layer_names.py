"""The names of a model's attention layers."""

from attn_cli.models.family import Architecture


def layer_names(architecture: Architecture) -> list[str]:
    """The name of every attention layer of a model, in the order in which they run."""
    names = []
    for stack in architecture.stacks:
        for number, plan in enumerate(stack.layers):
            name = stack.layer_name(number)
            names += [name, f"{name}.cross"] if plan.cross else [name]
    return names
