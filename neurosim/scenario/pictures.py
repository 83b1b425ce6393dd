"""The pictures and films that a run can have: one record for each, and no other list of them.

The records are plain data. They name the functions that collect and draw by where they stand in `neurosim.analysis` and
`neurosim.plots`, which look them up when a picture is made: so a scenario can be checked, and a name be completed,
without loading anything that computes or draws.
"""

from __future__ import annotations

from dataclasses import dataclass

INSIDE = "Inside the layers"


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes
    ----------
    name : str
        Of the picture and of its file.
    shows : str
        Its caption.
    facts : str
        The function of `neurosim.analysis` that collects what is drawn, such as "inputs.input_map".
    drawing : str
        The function of `neurosim.plots` that draws it, such as "inputs.decision_boundary".
    missing : str
        The function of `neurosim.analysis.conditions` that says why a network cannot have it; empty: every one can.
    usual : str
        The function of `neurosim.analysis.conditions` that says whether a run draws it when its scenario names no
        pictures; empty: never, but for a quantity of the layers wherever the scenario asks to record it.
    records : str
        The quantity that the run must have recorded.
    by_layer : bool
        Whether it shows that quantity layer by layer.
    within : str
        The attribute of its facts without which there is nothing to draw; empty: all of them.
    nothing : str
        Why it was not drawn although nothing is missing.
    heading : str
        The heading under which reports put it; empty: with the pictures of what the network answers.
    """

    name: str
    shows: str
    facts: str = ""
    drawing: str = ""
    missing: str = ""
    usual: str = ""
    records: str = ""
    by_layer: bool = False
    within: str = ""
    nothing: str = ""
    heading: str = ""


def _of_layers(name: str, shows: str, drawing: str = "layers.by_layer") -> Picture:
    """A picture of a recorded quantity."""
    return Picture(name, shows, "recorded.recording", drawing, records=name, by_layer=True, heading=INSIDE)


PICTURES = {
    picture.name: picture
    for picture in (
        Picture(
            "learning_curves",
            "loss over the epochs, accuracy where there are classes, and the metrics of the scenario",
            "curves.curves",
            "curves.learning_curves",
            missing="no_epoch",
            usual="always",
        ),
        Picture(
            "decision_boundary",
            "the network's answer over the plane of its two inputs, with the data",
            "inputs.input_map",
            "inputs.decision_boundary",
            missing="no_plane",
            usual="always",
        ),
        Picture(
            "fitted_curve",
            "the learned function of one input, with the data",
            "inputs.curve_map",
            "inputs.fitted_curve",
            missing="no_curve",
            usual="always",
        ),
        Picture(
            "fitted_surface",
            "the learned function of two inputs, with the data",
            "inputs.input_map",
            "inputs.fitted_surface",
            missing="no_surface",
            usual="always",
        ),
        Picture(
            "hidden_space",
            "where the last hidden layer puts each row",
            "hidden.hidden_space",
            "hidden.hidden_space",
            missing="no_hidden_space",
            usual="small_hidden_space",
        ),
        Picture(
            "unit_maps",
            "what each hidden unit answers over the inputs",
            "units.unit_maps",
            "units.unit_maps",
            missing="no_unit_maps",
        ),
        Picture(
            "network_diagram",
            "units as circles, and weights as lines: the larger the weight, the wider the line",
            "diagram.diagram",
            "diagram.network_diagram",
            missing="no_diagram",
        ),
        Picture(
            "parameters",
            "every weight and bias over the epochs",
            "parameters.parameter_paths",
            "parameters.parameters",
            missing="no_paths",
            usual="one_unit",
            records="parameters",
        ),
        Picture(
            "loss_surface",
            "the loss around the optimizer's path",
            "surfaces.own_surface",
            "surfaces.loss_surface",
            missing="short_path",
            records="parameters",
            nothing="the parameters have not moved",
        ),
        Picture(
            "confusion_matrix",
            "which class is taken for which",
            "classification.classification",
            "classification.confusion_matrix",
            missing="no_classes",
            usual="many_classes",
        ),
        Picture(
            "worst_mistakes",
            "the wrong answers that the network was surest of",
            "classification.classification",
            "classification.worst_mistakes",
            missing="no_classes",
            usual="has_images",
            within="mistakes",
            nothing="there is no wrong answer",
        ),
        Picture(
            "first_layer_weights",
            "the weights of the first dense layer as images",
            "weights.weight_images",
            "weights.first_layer_weights",
            missing="no_weight_images",
        ),
        Picture(
            "filters",
            "the kernels of the convolutions",
            "weights.filters",
            "weights.filters",
            missing="no_convolution",
            nothing="every kernel has a single cell",
        ),
        Picture(
            "feature_maps",
            "what the layers make of one image",
            "feature_maps.feature_maps",
            "feature_maps.feature_maps",
            missing="no_convolution",
        ),
        Picture(
            "responses",
            "the parts of images to which the channels respond most strongly",
            "responses.channel_responses",
            "responses.responses",
            missing="no_convolution",
            usual="always",
            nothing="no convolution gets its maps straight from the images",
        ),
        _of_layers("gradient_norm", "the length of each layer's gradient"),
        _of_layers("weight_norm", "the length of each layer's weights"),
        _of_layers("update_ratio", "how large each layer's updates are compared with its weights"),
        _of_layers("activation_mean", "the mean activation of each layer"),
        _of_layers("activation_std", "how much the activations of each layer vary"),
        _of_layers("dead", "the share of dead units in each layer"),
        _of_layers("saturated", "the share of saturated activations in each layer"),
        _of_layers("selectivity", "how far the units of each layer respond to a single class"),
        _of_layers(
            "activation_histogram",
            "how the activations of each layer are distributed over the epochs",
            "histograms.histograms_over_time",
        ),
        _of_layers(
            "weight_histogram",
            "how the weights of each layer are distributed over the epochs",
            "histograms.histograms_over_time",
        ),
    )
}

# Pictures of several runs at once, which are collected and drawn together.
SEVERAL = {
    picture.name: picture
    for picture in (
        Picture("comparison", "loss and accuracy of all runs"),
        Picture("against", "the outcome of each variant against its value"),
        Picture("decision_boundaries", "the networks' answers over the plane of the two inputs, with the data"),
        Picture("fitted_surfaces", "the learned functions of two inputs, with the data"),
        Picture("fitted_curves", "the learned functions of one input, with the data"),
        Picture("ensemble", "how many of the networks learn, how quickly or how well, and where their losses end"),
        Picture("replay", "both futures: the run as it was, and with the change"),
    )
}


@dataclass(frozen=True)
class Film:
    """One film of a run: what was recorded, time by time.

    Attributes
    ----------
    name : str
        Of the film and of its file.
    drawing : str
        The function of `neurosim.plots` that draws a frame.
    records : tuple of str
        The quantities one of which the run must have recorded.
    facts : str
        The function of `neurosim.analysis` that computes what the recording does not hold; empty: nothing.
    missing : str
        The function of `neurosim.analysis.conditions` that says why a network cannot have it; empty: every one can.
    """

    name: str
    drawing: str
    records: tuple[str, ...]
    facts: str = ""
    missing: str = ""


FILMS = {
    film.name: film
    for film in (
        Film("boundary", "animation.boundary", ("parameters",), "frames.boundaries", "no_drawn_inputs"),
        Film("hidden_space", "animation.hidden_space", ("parameters",), "frames.hidden_spaces", "no_hidden_space"),
        Film("histograms", "animation.histograms", ("activation_histogram", "weight_histogram")),
        Film("gradients", "animation.gradients", ("gradient_norm",)),
    )
}
