"""The names of a model's attentions."""

from attn_cli.models.family import Architecture


def layer_names(architecture: Architecture) -> list[str]:
    """Every attention of a model, in the order in which it runs."""
    names = []
    for stack in architecture.stacks:
        for number, plan in enumerate(stack.layers):
            name = f"{stack.name}.layers.{number}" if stack.name else f"layers.{number}"
            names += [name, f"{name}.cross"] if plan.cross else [name]
    return names
